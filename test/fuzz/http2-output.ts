import { DEFAULT_FRAME_SIZE, DEFAULT_WINDOW } from '../../proxy/codec/http2/constants.ts'
import { type Frame, FrameCoder } from '../support/frames.ts'
import { gist, type Note, promise } from './target.ts'

/** What a peer that keeps count can hold against the frames that we send. */
export class Http2Output {
  /** Body bytes by stream. */
  readonly bodies = new Map<number, string>()
  readonly ended = new Set<number>()
  readonly #reset = new Set<number>()
  readonly #heads = new Map<number, number>()
  readonly #note: Note

  constructor(note: Note) {
    this.#note = note
  }

  /** `output`: all frames that we sent; `arrived`: all that the peer sent us, possibly cut or malformed. */
  check(output: Buffer, arrived: Buffer, server: boolean): void {
    const coder = new FrameCoder()
    let frames: Frame[] = []
    try {
      frames = coder.read(output)
    } catch (error) {
      promise(false, `frames that nobody can read: ${(error as Error).message}`)
    }
    const length = frames.length
    const allowed = allowance(arrived)
    promise(maxPayload(output) <= allowed.frame, 'a frame larger than the peer takes')
    promise(length === 0 || (frames[0] as Frame).type === 'SETTINGS', 'the first frame is not SETTINGS')
    let dataBytes = 0
    let last = ''
    frames.forEach((frame, i) => {
      this.#frame(frame, server)
      if (frame.type === 'DATA') dataBytes += frame.data.length
      if (frame.type === 'GOAWAY' && frame.code !== 'NO_ERROR')
        promise(i === length - 1, 'frames behind the GOAWAY that ends the connection')
      const kind = kindOf(frame)
      this.#note(`${last} > ${kind}`)
      last = kind
    })
    promise(dataBytes <= allowed.connection, 'more DATA than the connection window')
    for (const [id, body] of this.bodies) {
      promise(body.length <= allowed.stream(id), 'more DATA than a stream window')
    }
  }

  #frame(frame: Frame, server: boolean): void {
    if (frame.type !== 'DATA' && frame.type !== 'HEADERS' && frame.type !== 'RST_STREAM') return
    const id = frame.stream
    promise(id % 2 === 1, `${frame.type} on stream ${id}`)
    if (frame.type === 'RST_STREAM') {
      promise(!this.#reset.has(id), 'a stream is reset twice')
      this.#reset.add(id)
      return
    }
    promise(!this.#reset.has(id), `${frame.type} on a stream that we reset`)
    promise(!this.ended.has(id), `${frame.type} behind the end of a stream`)
    if (frame.end) this.ended.add(id)
    const heads = this.#heads.get(id) ?? 0
    if (frame.type === 'DATA') {
      promise(heads > 0, 'DATA before a head')
      this.bodies.set(id, (this.bodies.get(id) ?? '') + frame.data)
      return
    }
    for (const [name, value] of frame.fields) {
      promise(/^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name), 'a field name that is no token')
      promise(/^[\t\x20-\x7e\x80-\xff]*$/.test(value), 'a control character in a field value')
    }
    const pseudo = frame.fields.filter(([name]) => name.startsWith(':'))
    promise(
      frame.fields.slice(0, pseudo.length).every(([name]) => name.startsWith(':')),
      'a pseudo-field behind a regular one',
    )
    if (heads === 0) promise(pseudo.length > 0, 'a head without pseudo-fields')
    else promise(frame.end, 'trailers that do not end the stream')
    const interim = server && /^1/.test(pseudo[0]?.[1] ?? '')
    if (!interim) this.#heads.set(id, heads + 1)
  }
}

function kindOf(frame: Frame): string {
  if (frame.type === 'GOAWAY') return `GOAWAY ${frame.code} ${gist(frame.debug)}`
  if (frame.type === 'RST_STREAM') return `RST_STREAM ${frame.code}`
  if (frame.type === 'HEADERS') return `HEADERS ${frame.fields[0]?.[1]} ${frame.end}`
  if (frame.type === 'DATA') return `DATA ${frame.data.length > 0} ${frame.end}`
  return frame.type
}

function maxPayload(output: Buffer): number {
  let most = 0
  for (let at = 0; at + 9 <= output.length; at += 9 + output.readUIntBE(at, 3)) {
    most = Math.max(most, output.readUIntBE(at, 3))
  }
  return most
}

/** The most that everything the peer sent allows, whatever the order and whether we accepted it. */
function allowance(arrived: Buffer): { frame: number; connection: number; stream: (id: number) => number } {
  let frame = DEFAULT_FRAME_SIZE
  let connection = DEFAULT_WINDOW
  let initial = DEFAULT_WINDOW
  const streams = new Map<number, number>()
  for (let at = 0; at + 9 <= arrived.length; ) {
    const length = arrived.readUIntBE(at, 3)
    const type = arrived[at + 3]
    const id = arrived.readUInt32BE(at + 5) & 0x7fffffff
    const payload = arrived.subarray(at + 9, at + 9 + length)
    at += 9 + length
    if (payload.length < length) break
    if (type === 8 && length === 4) {
      const increment = payload.readUInt32BE(0) & 0x7fffffff
      if (id === 0) connection += increment
      else streams.set(id, (streams.get(id) ?? 0) + increment)
    } else if (type === 4) {
      for (let i = 0; i + 6 <= length; i += 6) {
        const [setting, value] = [payload.readUInt16BE(i), payload.readUInt32BE(i + 2)]
        if (setting === 5) frame = Math.max(frame, value)
        if (setting === 4) initial = Math.max(initial, value)
      }
    }
  }
  return { frame, connection, stream: (id) => initial + (streams.get(id) ?? 0) }
}
