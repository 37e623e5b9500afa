import t from 'tap'
import { SeededRandom } from '../../../../../proxy/base/random.ts'
import { type FrameHandler, FrameReader } from '../../../../../proxy/codec/http2/frame/frame-reader.ts'
import { data, FrameCoder, raw, settings, windowUpdate } from '../../../../support/frames.ts'

const coder = new FrameCoder()

class Recorder implements FrameHandler {
  readonly reader = new FrameReader(this)
  /** One line per frame; pieces of a DATA frame are put together. */
  readonly lines: string[] = []
  errors: string[] = []
  #data: { id: number; flow: number; padding: number; text: string } | null = null

  constructor() {
    this.reader.continuing = 0
  }

  dataFrame(
    id: number,
    flow: number,
    padding: number,
    chunk: Buffer,
    from: number,
    to: number,
    end: boolean,
  ): void {
    const open = this.#data
    if (open !== null && open.text.length === open.flow - open.padding) this.#close(false)
    this.#data ??= { id, flow, padding, text: '' }
    this.#data.text += chunk.toString('latin1', from, to)
    if (this.#data.id !== id) throw new Error('a piece of another stream')
    if (end) this.#close(true)
  }

  frame(type: number, flags: number, id: number, chunk: Buffer, from: number, to: number): void {
    this.#close(false)
    this.lines.push(`${type} ${flags} ${id} ${chunk.toString('hex', from, to)}`)
  }

  frameError(code: number, detail: string): void {
    this.#close(false)
    this.errors.push(`${code} ${detail}`)
  }

  #close(end: boolean): void {
    const open = this.#data
    this.#data = null
    if (open !== null)
      this.lines.push(`0 ${end ? 'end' : ''} ${open.id} ${open.flow}/${open.padding} ${open.text}`)
  }

  /** Everything so far, with the DATA that is still open. */
  all(): string[] {
    this.#close(false)
    return this.lines
  }
}

const stream = Buffer.concat(
  [
    settings({ 1: 5 }),
    data(1, 'hello'),
    data(1, '', true),
    data(3, 'padded', false, 4),
    data(3, '', true, 0),
    windowUpdate(0x7fffffff, 1),
    raw(0xee, 0xff, 9, 'unknown'),
    raw(0xef, 0, 0),
    data(5, 'x'.repeat(300), true),
    data(7, 'last'),
    windowUpdate(0, 7),
  ].map((frame) => coder.write(frame)),
)

function read(chunks: readonly Buffer[]): Recorder {
  const recorder = new Recorder()
  for (const chunk of chunks) {
    // The chunk is the reader's only for the call.
    const copy = Buffer.from(chunk)
    recorder.reader.read(copy, 0, copy.length)
    copy.fill(0xee)
  }
  return recorder
}

const whole = read([stream]).all()

t.test('frames of one chunk', async (t) => {
  t.equal(whole.length, 11)
  t.equal(whole[1], '0  1 5/0 hello')
  t.equal(whole[2], '0 end 1 0/0 ')
  t.equal(whole[3], '0  3 11/5 padded')
  t.equal(whole[4], '0 end 3 1/1 ')
  t.equal(whole[5], `8 0 ${0x7fffffff} 00000001`)
  t.equal(whole[6], `238 255 9 ${Buffer.from('unknown').toString('hex')}`)
})

t.test('however the bytes are cut, the frames are the same', async (t) => {
  for (let cut = 1; cut < stream.length; cut++) {
    const lines = read([stream.subarray(0, cut), stream.subarray(cut)]).all()
    if (lines.join('\n') !== whole.join('\n')) t.strictSame(lines, whole, `cut at ${cut}`)
  }
  for (const size of [1, 2, 3, 8, 9, 10, 17]) {
    const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
      stream.subarray(i * size, (i + 1) * size),
    )
    t.strictSame(read(chunks).all(), whole, `${size} bytes at a time`)
  }
  const random = new SeededRandom(1)
  for (let n = 0; n < 2000; n++) {
    const chunks: Buffer[] = []
    for (let at = 0; at < stream.length; ) {
      const size = Math.floor(random.next() ** 2 * 60)
      chunks.push(stream.subarray(at, at + size))
      at += size
    }
    const lines = read(chunks).all()
    if (lines.join('\n') !== whole.join('\n')) t.strictSame(lines, whole)
  }
})

t.test('DATA is handed on as it arrives', async (t) => {
  const recorder = new Recorder()
  const frame = coder.write(data(1, 'x'.repeat(1000), true))
  recorder.reader.read(frame, 0, 500)
  t.strictSame(recorder.all(), [`0  1 1000/0 ${'x'.repeat(491)}`])
})

t.test('the reserved bit of a stream id is ignored (RFC 9113 §4.1)', async (t) => {
  const frame = coder.write(windowUpdate(5, 1))
  frame[5] = 0x80
  t.strictSame(read([frame]).all(), ['8 0 5 00000001'])
})

t.test('errors end the reading', async (t) => {
  const good = coder.write(windowUpdate(0, 1))
  const cases: Record<string, [Buffer, string]> = {
    'a frame that is too large': [
      coder.write(raw(1, 0, 1, Buffer.alloc(16_385))),
      '6 a frame of 16385 bytes',
    ],
    'DATA that is too large': [coder.write(raw(0, 0, 1, Buffer.alloc(16_385))), '6 a frame of 16385 bytes'],
    'padding without length': [coder.write(raw(0, 8, 1)), '6 a padded DATA frame'],
    'padding longer than the payload': [coder.write(raw(0, 8, 1, '\x02a')), '1 more padding'],
  }
  for (const [name, [bad, error]] of Object.entries(cases)) {
    for (const size of [1, 7, 1_000_000]) {
      const recorder = new Recorder()
      const bytes = Buffer.concat([good, bad, good])
      for (let at = 0; at < bytes.length; at += size)
        recorder.reader.read(bytes, at, Math.min(bytes.length, at + size))
      t.strictSame(recorder.all(), ['8 0 0 00000001'], name)
      t.equal(recorder.errors.length, 1)
      t.ok(recorder.errors[0]?.startsWith(error), recorder.errors[0])
    }
  }
})

t.test('16384 bytes are accepted', async (t) => {
  t.equal(read([coder.write(raw(0xee, 0, 1, Buffer.alloc(16_384)))]).all().length, 1)
})

t.test('SETTINGS come first, and nothing else inside a header block', async (t) => {
  const first = new Recorder()
  const reader = new FrameReader(first)
  reader.read(coder.write(windowUpdate(0, 1)), 0, 13)
  t.match(first.errors, [/the first frame is of type 8/])
  const inside = new Recorder()
  inside.reader.continuing = 3
  const continuation = coder.write(raw(9, 0, 5, 'x'))
  inside.reader.read(continuation, 0, continuation.length)
  t.strictSame(inside.all(), ['9 0 5 78'], 'the stream is the handler’s business')
  const other = coder.write(data(3, 'x'))
  inside.reader.read(other, 0, other.length)
  t.match(inside.errors, [/inside a header block/])
})
