import { Writable } from 'node:stream'
import type { WriteStream } from 'node:tty'
import t from 'tap'
import { LineScreen, TerminalScreen } from '../../../examples/demo/screen.ts'

/** What a terminal shows: takes the two sequences that the screen uses, cursor up and erase to the end. */
class Terminal extends Writable {
  readonly columns: number
  readonly rows: number
  lines: string[] = ['']

  constructor(columns: number, rows: number) {
    super()
    this.columns = columns
    this.rows = rows
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    for (const part of String(chunk).split(/(\x1b\[\d+A\x1b\[0J)/)) {
      const up = /\[(\d+)A/.exec(part)
      if (up === null) this.#print(part)
      else this.lines = [...this.lines.slice(0, this.lines.length - 1 - Number(up[1])), '']
    }
    done()
  }

  #print(text: string): void {
    const [first = '', ...rest] = text.split('\n')
    this.lines[this.lines.length - 1] += first
    this.lines.push(...rest)
  }
}

const asTty = (terminal: Terminal) => terminal as unknown as WriteStream

t.test('a terminal shows the state in place, below what is said', async (t) => {
  const terminal = new Terminal(40, 10)
  const screen = new TerminalScreen(asTty(terminal))
  screen.say('hello')
  screen.show(['one', 'two'])
  screen.say('world')
  screen.show(['three', 'four', 'five'])
  t.same(terminal.lines, ['hello', 'world', 'three', 'four', 'five', ''])
  screen.show(['six'])
  t.same(terminal.lines, ['hello', 'world', 'six', ''])
  screen.leave()
  screen.say('bye')
  t.same(terminal.lines, ['hello', 'world', 'six', 'bye', ''])
})

t.test('a state larger than the terminal is cut', async (t) => {
  const terminal = new Terminal(6, 3)
  const screen = new TerminalScreen(asTty(terminal))
  screen.show(['abcdefgh', 'two', 'three', 'four'])
  t.same(terminal.lines, ['abcde', 'two', ''])
})

t.test('a pipe gets lines only', async (t) => {
  const terminal = new Terminal(0, 0)
  const screen = new LineScreen(terminal)
  screen.say('hello')
  screen.show(['one', 'two'], 'brief')
  screen.leave()
  t.same(terminal.lines, ['hello', 'brief', ''])
})
