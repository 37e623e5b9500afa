import { CONTINUATION, DATA, HEADERS, SETTINGS } from '../../../proxy/codec/http2/constants.ts'
import {
  type FrameHandler,
  FrameReader,
  SETTINGS_FIRST,
} from '../../../proxy/codec/http2/frame/frame-reader.ts'
import {
  data,
  FrameCoder,
  GET,
  headers,
  POST,
  ping,
  raw,
  settings,
  windowUpdate,
} from '../../support/frames.ts'
import { Chooser } from '../../support/http1-generator.ts'
import { FRAME_DICTIONARY, mutateFrames } from '../frame-mutations.ts'
import { gist, type Note, promise, type Target } from '../target.ts'

const MAX_FRAME = 16384

/** The first byte says how the rest is cut into pieces. */
export const http2Frames: Target = {
  name: 'http2-frames',
  about: 'bytes cut into HTTP/2 frames: whole, in pieces, and by a naive reader',
  maxBytes: 20_000,
  seeds: () => {
    const coder = new FrameCoder()
    const bytes = [
      settings({ 4: 1000 }),
      headers(1, GET, true),
      raw(HEADERS, 0, 3, coder.block(POST)),
      raw(CONTINUATION, 4, 3),
      data(3, 'hello', false),
      data(3, 'padded', false, 7),
      data(3, '', true),
      ping(),
      windowUpdate(0, 5),
      raw(0xbb, 0xff, 9, 'unknown'),
    ].map((frame) => coder.write(frame))
    return [Buffer.concat([Buffer.from([3]), ...bytes])]
  },
  dictionary: FRAME_DICTIONARY,
  mutate: (input, pick) => mutateFrames(input, 1, pick),
  run: readFrames,
}

/** Notes frames as text; pieces of one DATA frame are put together. */
class FrameLog implements FrameHandler {
  readonly lines: string[] = []
  readonly reader = new FrameReader(this)
  #data: { id: number; flow: number; padding: number; text: string } | null = null

  dataFrame(
    id: number,
    flow: number,
    padding: number,
    chunk: Buffer,
    from: number,
    to: number,
    end: boolean,
  ): void {
    promise(from >= 0 && from <= to && to <= chunk.length, 'DATA outside of its chunk')
    if (flow > 0 || this.#data === null) {
      this.flush(false)
      this.#data = { id, flow, padding, text: '' }
    }
    promise(this.#data.id === id, 'pieces of one DATA frame on two streams')
    this.#data.text += chunk.toString('latin1', from, to)
    const whole = this.#data.text.length + this.#data.padding === this.#data.flow
    promise(!end || whole, 'the end of a stream before the end of its DATA frame')
    if (whole) this.flush(end)
  }

  flush(end: boolean): void {
    if (this.#data === null) return
    const { id, flow, padding, text } = this.#data
    this.lines.push(`DATA ${id} ${flow} ${padding} ${JSON.stringify(text)}${end ? ' end' : ''}`)
    this.#data = null
  }

  frame(type: number, flags: number, id: number, chunk: Buffer, from: number, to: number): void {
    this.lines.push(`${type} ${flags} ${id} ${chunk.toString('latin1', from, to)}`)
    this.reader.continuing = continuing(this.reader.continuing, type, flags, id)
  }

  frameError(code: number, detail: string): void {
    this.flush(false)
    promise(this.reader.stopped, 'reading goes on behind an error')
    this.lines.push(`error ${code} ${detail}`)
  }
}

/** What the connection does to `continuing`. */
function continuing(before: number, type: number, flags: number, id: number): number {
  if (type === SETTINGS) return 0
  if (type === HEADERS && (flags & 4) === 0) return id
  if (type === CONTINUATION && (flags & 4) !== 0) return 0
  return before
}

/** RFC 9113 §4.1 written down without thought of speed. */
function naive(bytes: Buffer): string[] {
  const lines: string[] = []
  let block = SETTINGS_FIRST
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3)
    const type = bytes[at + 3] as number
    const flags = bytes[at + 4] as number
    const id = bytes.readUInt32BE(at + 5) & 0x7fffffff
    if (length > MAX_FRAME) return [...lines, 'error 6']
    if (block === SETTINGS_FIRST && type !== SETTINGS && type !== CONTINUATION) return [...lines, 'error 1']
    if (block > 0 && type !== CONTINUATION) return [...lines, 'error 1']
    const payload = bytes.subarray(at + 9, at + 9 + length)
    at += 9 + length
    const whole = payload.length === length
    if (type === DATA) {
      const padded = (flags & 8) !== 0
      if (padded && !whole) break
      if (padded && length === 0) return [...lines, 'error 6']
      const padding = padded ? 1 + (payload[0] as number) : 0
      if (padding > length) return [...lines, 'error 1']
      const text = payload.toString('latin1', padded ? 1 : 0, payload.length - Math.max(0, padding - 1))
      lines.push(
        `DATA ${id} ${length} ${padding} ${JSON.stringify(text)}${whole && (flags & 1) !== 0 ? ' end' : ''}`,
      )
    } else if (whole) {
      lines.push(`${type} ${flags} ${id} ${payload.toString('latin1')}`)
      block = continuing(block, type, flags, id)
    }
  }
  return lines
}

function readFrames(input: Buffer, note: Note): void {
  const bytes = input.subarray(1)
  const whole = new FrameLog()
  whole.reader.read(bytes, 0, bytes.length)
  whole.flush(false)
  const pieces = new FrameLog()
  const chooser = new Chooser(1 + (input[0] ?? 0))
  for (let at = 0; at < bytes.length; ) {
    const size = chooser.often(0.5) ? 1 + chooser.below(10) : 1 + chooser.below(bytes.length)
    const chunk = Buffer.from(bytes.subarray(at, at + size))
    pieces.reader.read(chunk, 0, chunk.length)
    // The chunk is its owner's again.
    chunk.fill(0x21)
    at += size
  }
  pieces.flush(false)
  promise(whole.lines.join('\n') === pieces.lines.join('\n'), 'pieces give other frames than the whole')
  const expected = naive(bytes)
  const plain = whole.lines.map((line) => line.replace(/^(error \d+) .*$/s, '$1'))
  promise(plain.join('\n') === expected.join('\n'), 'frames differ from those of the naive reader')
  let last = ''
  for (const line of whole.lines) {
    const kind = line.startsWith('error')
      ? gist(line)
      : String(line.startsWith('DATA') ? 'DATA' : Math.min(10, Number.parseInt(line, 10)))
    note(`${last} ${kind}`)
    last = kind
  }
}
