import type { LogStream } from '../../../proxy/telemetry/log-stream.ts'

/** Keeps the lines written. */
export class MemoryStream implements LogStream {
  readonly dropped = 0
  readonly lines: string[] = []
  flushed = 0

  write(line: string): void {
    this.lines.push(line)
  }

  flush(): void {
    this.flushed += 1
  }

  /** The lines as objects; throws when one is not exactly one line of JSON. */
  records(): Record<string, unknown>[] {
    return this.lines.map((line) => {
      if (line.indexOf('\n') !== line.length - 1) throw new Error(`not one line: ${line}`)
      return JSON.parse(line) as Record<string, unknown>
    })
  }
}
