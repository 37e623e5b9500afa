/** Where the demo prints. */
export interface Screen {
  /** How often `show` is wanted, in milliseconds. */
  readonly every: number
  /** Prints lines that stay. */
  say(text: string): void
  /** Shows the state of things: `full` where it can be drawn in place, `brief` where each state is a further line. */
  show(full: readonly string[], brief: string): void
  /** Leaves the state as it was shown last: what is said from now on comes below. */
  leave(): void
}

/** For a terminal: the state is drawn in place, below everything said. */
export class TerminalScreen implements Screen {
  readonly every = 1000
  readonly #out: NodeJS.WriteStream
  #shown: readonly string[] = []
  #height = 0

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  say(text: string): void {
    this.#out.write(`${this.#erase()}${text}\n${this.#draw()}`)
  }

  show(full: readonly string[]): void {
    const erase = this.#erase()
    this.#shown = full
    this.#out.write(erase + this.#draw())
  }

  leave(): void {
    this.#shown = []
    this.#height = 0
  }

  #erase(): string {
    return this.#height === 0 ? '' : `\x1b[${this.#height}A\x1b[0J`
  }

  /** No line may wrap, and none may leave the screen: the cursor could not get back to it. */
  #draw(): string {
    const lines = this.#shown.slice(0, Math.max(1, this.#out.rows - 1))
    this.#height = lines.length
    return lines.map((line) => `${line.slice(0, Math.max(1, this.#out.columns - 1))}\n`).join('')
  }
}

/** For a file or a pipe: lines only. */
export class LineScreen implements Screen {
  readonly every = 5000
  readonly #out: NodeJS.WritableStream

  constructor(out: NodeJS.WritableStream) {
    this.#out = out
  }

  say(text: string): void {
    this.#out.write(`${text}\n`)
  }

  show(_full: readonly string[], brief: string): void {
    this.say(brief)
  }

  leave(): void {}
}
