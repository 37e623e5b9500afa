import pino from 'pino'

/** Where finished log lines go. Shared by the log and the access log, so that lines never mix. */
export interface LogStream {
  /** Takes one line, its line feed included. Never blocks, never throws. */
  write(line: string): void
  /** Hands on at once what is buffered; at exit. */
  flush(): void
  /** Lines dropped so far because their reader was too slow. */
  readonly dropped: number
}

/** Bytes of log that wait for a slow reader before further lines are dropped. */
const MAX_BUFFERED = 1024 * 1024

/**
 * A stream that writes to a file descriptor in the background, several lines at a time; the rest is written when the
 * process exits. When the reader is gone, lines are thrown away: a log must not take the proxy down.
 */
export function createLogStream(fd: number): LogStream {
  const destination = pino.destination({ fd, sync: false, maxLength: MAX_BUFFERED })
  let dropped = 0
  let broken = false
  destination.on('drop', () => {
    dropped += 1
  })
  destination.on('error', () => {
    broken = true
  })
  return {
    write(line) {
      if (broken) dropped += 1
      else destination.write(line)
    },
    flush() {
      if (broken) return
      try {
        destination.flushSync()
      } catch {
        // The stream was not open yet or is gone: nothing more can be done for these lines.
        broken = true
      }
    },
    get dropped() {
      return dropped
    },
  }
}

let stderr: LogStream | null = null

/** Standard error, opened once. */
export function stderrLogStream(): LogStream {
  stderr ??= createLogStream(2)
  return stderr
}
