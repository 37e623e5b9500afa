import type { Transport } from '../../transport.ts'
import {
  DATA,
  FLAG_ACK,
  FLAG_END_STREAM,
  FRAME_HEADER,
  GOAWAY,
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from '../constants.ts'

// Every function writes one frame (RFC 9113 §6) to the transport's output buffer.

/** Writes a frame header at `at`; the caller has reserved room. Returns the position of the payload. */
export function writeFrameHeader(
  out: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  out[at] = length >>> 16
  out[at + 1] = length >>> 8
  out[at + 2] = length
  out[at + 3] = type
  out[at + 4] = flags
  out[at + 5] = streamId >>> 24
  out[at + 6] = streamId >>> 16
  out[at + 7] = streamId >>> 8
  out[at + 8] = streamId
  return at + FRAME_HEADER
}

function writeUint32(out: Buffer, at: number, value: number): number {
  out[at] = value >>> 24
  out[at + 1] = value >>> 16
  out[at + 2] = value >>> 8
  out[at + 3] = value
  return at + 4
}

/** One DATA frame with bytes `from` to `to` of `chunk`, at most the peer's frame size. */
export function writeData(
  transport: Transport,
  streamId: number,
  chunk: Buffer,
  from: number,
  to: number,
  end: boolean,
): void {
  const length = to - from
  const start = transport.reserve(FRAME_HEADER + length)
  const out = transport.buffer
  const at = writeFrameHeader(out, start, length, DATA, end ? FLAG_END_STREAM : 0, streamId)
  if (length <= 64) {
    for (let i = 0; i < length; i++) out[at + i] = chunk[from + i]
  } else {
    chunk.copy(out, at, from, to)
  }
  transport.length = at + length
}

export function writeRstStream(transport: Transport, streamId: number, code: number): void {
  const start = transport.reserve(FRAME_HEADER + 4)
  const out = transport.buffer
  transport.length = writeUint32(out, writeFrameHeader(out, start, 4, RST_STREAM, 0, streamId), code)
}

/** `streamId` 0 is the connection's window; `increment` is 1 to 2^31-1. */
export function writeWindowUpdate(transport: Transport, streamId: number, increment: number): void {
  const start = transport.reserve(FRAME_HEADER + 4)
  const out = transport.buffer
  transport.length = writeUint32(out, writeFrameHeader(out, start, 4, WINDOW_UPDATE, 0, streamId), increment)
}

/** `settings`: identifier and value in turn. */
export function writeSettings(transport: Transport, settings: readonly number[]): void {
  const length = settings.length * 3
  const start = transport.reserve(FRAME_HEADER + length)
  const out = transport.buffer
  let at = writeFrameHeader(out, start, length, SETTINGS, 0, 0)
  for (let i = 0; i < settings.length; i += 2) {
    out[at] = settings[i] >>> 8
    out[at + 1] = settings[i]
    at = writeUint32(out, at + 2, settings[i + 1])
  }
  transport.length = at
}

export function writeSettingsAck(transport: Transport): void {
  const start = transport.reserve(FRAME_HEADER)
  transport.length = writeFrameHeader(transport.buffer, start, 0, SETTINGS, FLAG_ACK, 0)
}

/** A PING acknowledgement with the eight bytes at `from` of `chunk`. */
export function writePingAck(transport: Transport, chunk: Buffer, from: number): void {
  const start = transport.reserve(FRAME_HEADER + 8)
  const out = transport.buffer
  const at = writeFrameHeader(out, start, 8, PING, FLAG_ACK, 0)
  chunk.copy(out, at, from, from + 8)
  transport.length = at + 8
}

/** A PING with eight zero bytes: we never have two under way. */
export function writePing(transport: Transport): void {
  const start = transport.reserve(FRAME_HEADER + 8)
  const at = writeFrameHeader(transport.buffer, start, 8, PING, 0, 0)
  transport.buffer.fill(0, at, at + 8)
  transport.length = at + 8
}

/** `debug` says why, in a sentence. */
export function writeGoaway(transport: Transport, lastStreamId: number, code: number, debug: string): void {
  const text = Buffer.from(debug).subarray(0, 512)
  const length = text.length
  const start = transport.reserve(FRAME_HEADER + 8 + length)
  const out = transport.buffer
  let at = writeFrameHeader(out, start, 8 + length, GOAWAY, 0, 0)
  at = writeUint32(out, at, lastStreamId)
  at = writeUint32(out, at, code)
  text.copy(out, at)
  transport.length = at + length
}
