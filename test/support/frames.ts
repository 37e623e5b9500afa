import assert from 'node:assert/strict'
import { ERROR_NAMES } from '../../proxy/codec/http2/constants.ts'
import { NaiveDecoder, NaiveEncoder } from './naive-hpack.ts'

/** A language of HTTP/2 frames for tests: one function per frame type makes what is sent and what is expected. */
export type Pairs = readonly (readonly [string, string])[]
export type FieldsOf = Pairs | Readonly<Record<string, string>>

export type Frame =
  | { type: 'DATA'; stream: number; data: string; end: boolean; padding?: number }
  | { type: 'HEADERS'; stream: number; fields: Pairs; end: boolean }
  | { type: 'PRIORITY'; stream: number; on: number }
  | { type: 'RST_STREAM'; stream: number; code: string }
  | { type: 'SETTINGS'; values: Readonly<Record<number, number>> }
  | { type: 'SETTINGS_ACK' }
  | { type: 'PING'; payload: string }
  | { type: 'PING_ACK'; payload: string }
  | { type: 'GOAWAY'; last: number; code: string; debug: string }
  | { type: 'WINDOW_UPDATE'; stream: number; increment: number }
  | { type: 'RAW'; id: number; flags: number; stream: number; payload: Buffer }

export const END_STREAM = true

export function data(stream: number, text: string, end = false, padding?: number): Frame {
  return { type: 'DATA', stream, data: text, end, ...(padding === undefined ? {} : { padding }) }
}

export function headers(stream: number, fields: FieldsOf, end = false): Frame {
  return { type: 'HEADERS', stream, fields: pairs(fields), end }
}

export function rstStream(stream: number, code: string): Frame {
  return { type: 'RST_STREAM', stream, code }
}

/** `values` by identifier (RFC 9113 §6.5.2). */
export function settings(values: Readonly<Record<number, number>> = {}): Frame {
  return { type: 'SETTINGS', values }
}

export function settingsAck(): Frame {
  return { type: 'SETTINGS_ACK' }
}

/** `payload`: eight characters. */
export function ping(payload = '12345678'): Frame {
  return { type: 'PING', payload }
}

export function pingAck(payload = '12345678'): Frame {
  return { type: 'PING_ACK', payload }
}

/** The debug data does not count when it is expected. */
export function goaway(last: number, code: string, debug = ''): Frame {
  return { type: 'GOAWAY', last, code, debug }
}

export function windowUpdate(stream: number, increment: number): Frame {
  return { type: 'WINDOW_UPDATE', stream, increment }
}

export function priority(stream: number, on = 0): Frame {
  return { type: 'PRIORITY', stream, on }
}

/** Any frame at all: type number, flags, stream, payload. */
export function raw(id: number, flags: number, stream: number, payload: Buffer | string = ''): Frame {
  return { type: 'RAW', id, flags, stream, payload: Buffer.from(payload as string, 'latin1') }
}

export const GET: Pairs = pairs({ ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'a.test' })
export const POST: Pairs = pairs({
  ':method': 'POST',
  ':scheme': 'http',
  ':path': '/',
  ':authority': 'a.test',
})
export const OK: Pairs = pairs({ ':status': '200' })

function pairs(fields: FieldsOf): Pairs {
  return Array.isArray(fields) ? (fields as Pairs) : Object.entries(fields as Record<string, string>)
}

/** Writes and reads frames with one side's compression state in each direction. */
export class FrameCoder {
  readonly encoder = new NaiveEncoder()
  readonly decoder = new NaiveDecoder()
  #pending: Buffer = Buffer.alloc(0)
  #block: { stream: number; end: boolean; parts: Buffer[] } | null = null

  /** The header block of `fields`, all literals. */
  block(fields: FieldsOf): Buffer {
    return this.encoder.encode(pairs(fields).map(([name, value]) => ({ name, value })))
  }

  write(frame: Frame): Buffer {
    switch (frame.type) {
      case 'DATA':
        return frame.padding === undefined
          ? bytes(0, frame.end ? 1 : 0, frame.stream, Buffer.from(frame.data, 'latin1'))
          : bytes(
              0,
              frame.end ? 9 : 8,
              frame.stream,
              Buffer.concat([
                Buffer.from([frame.padding]),
                Buffer.from(frame.data, 'latin1'),
                Buffer.alloc(frame.padding),
              ]),
            )
      case 'HEADERS':
        return bytes(1, frame.end ? 5 : 4, frame.stream, this.block(frame.fields))
      case 'PRIORITY':
        return bytes(2, 0, frame.stream, Buffer.concat([uint32(frame.on), Buffer.from([7])]))
      case 'RST_STREAM':
        return bytes(3, 0, frame.stream, uint32(codeOf(frame.code)))
      case 'SETTINGS':
        return bytes(
          4,
          0,
          0,
          Buffer.concat(
            Object.entries(frame.values).map(([id, value]) =>
              Buffer.concat([Buffer.from([0, Number(id)]), uint32(value)]),
            ),
          ),
        )
      case 'SETTINGS_ACK':
        return bytes(4, 1, 0, Buffer.alloc(0))
      case 'PING':
        return bytes(6, 0, 0, Buffer.from(frame.payload, 'latin1'))
      case 'PING_ACK':
        return bytes(6, 1, 0, Buffer.from(frame.payload, 'latin1'))
      case 'GOAWAY':
        return bytes(
          7,
          0,
          0,
          Buffer.concat([uint32(frame.last), uint32(codeOf(frame.code)), Buffer.from(frame.debug)]),
        )
      case 'WINDOW_UPDATE':
        return bytes(8, 0, frame.stream, uint32(frame.increment))
      case 'RAW':
        return bytes(frame.id, frame.flags, frame.stream, frame.payload)
    }
  }

  /** The frames that `chunk` completes. Header blocks come as one HEADERS frame whole. */
  read(chunk: Buffer): Frame[] {
    this.#pending = Buffer.concat([this.#pending, chunk])
    const frames: Frame[] = []
    while (this.#pending.length >= 9) {
      const length = this.#pending.readUIntBE(0, 3)
      if (this.#pending.length < 9 + length) break
      const frame = this.#parse(this.#pending.subarray(0, 9 + length))
      this.#pending = this.#pending.subarray(9 + length)
      if (frame !== null) frames.push(frame)
    }
    return frames
  }

  #parse(frame: Buffer): Frame | null {
    const type = frame[3] as number
    const flags = frame[4] as number
    const stream = frame.readUInt32BE(5)
    const payload = frame.subarray(9)
    if (type === 0) return data(stream, payload.toString('latin1'), (flags & 1) !== 0)
    if (type === 1 || type === 9) {
      if (type === 1) {
        assert.equal(this.#block, null, 'HEADERS inside a header block')
        this.#block = { stream, end: (flags & 1) !== 0, parts: [] }
      }
      const block = this.#block
      assert.ok(block !== null && block.stream === stream, 'CONTINUATION out of place')
      block.parts.push(payload)
      if ((flags & 4) === 0) return null
      this.#block = null
      const fields = this.decoder.decode(Buffer.concat(block.parts))
      return headers(
        stream,
        fields.map(({ name, value }) => [name, value] as const),
        block.end,
      )
    }
    assert.equal(this.#block, null, `a frame of type ${type} inside a header block`)
    if (type === 3) return rstStream(stream, ERROR_NAMES[payload.readUInt32BE(0)] ?? 'unknown')
    if (type === 4) return (flags & 1) !== 0 ? settingsAck() : settings(settingsOf(payload))
    if (type === 6) return flags & 1 ? pingAck(payload.toString('latin1')) : ping(payload.toString('latin1'))
    if (type === 7) {
      const code = ERROR_NAMES[payload.readUInt32BE(4)] ?? 'unknown'
      return goaway(payload.readUInt32BE(0), code, payload.subarray(8).toString())
    }
    if (type === 8) return windowUpdate(stream, payload.readUInt32BE(0))
    return raw(type, flags, stream, payload)
  }
}

/** Compares frames; the debug data of a GOAWAY only when some is expected. */
export function assertFrames(actual: readonly Frame[], expected: readonly Frame[]): void {
  const comparable = actual.map((frame, i) => {
    const wanted = expected[i]
    return frame.type === 'GOAWAY' && wanted?.type === 'GOAWAY' && wanted.debug === ''
      ? { ...frame, debug: '' }
      : frame
  })
  assert.deepEqual(comparable, expected)
}

function settingsOf(payload: Buffer): Record<number, number> {
  const values: Record<number, number> = {}
  for (let at = 0; at < payload.length; at += 6)
    values[payload.readUInt16BE(at)] = payload.readUInt32BE(at + 2)
  return values
}

function codeOf(name: string): number {
  const code = ERROR_NAMES.indexOf(name)
  return code < 0 ? Number(name) : code
}

export function uint32(value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(value)
  return out
}

function bytes(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
