import type { Transport } from '../transport.ts'
import { CR, copyOctets, LF } from './octets.ts'

const ZERO = 0x30
const HEX = Buffer.from('0123456789abcdef', 'latin1')
/** Bytes around the data of one chunk at most: size, CRLF, CRLF, last chunk. */
const CHUNK_OVERHEAD = 8 + 2 + 2 + 5

/** Writes octets `from` to `to` of `chunk` as they are. */
export function writePlain(transport: Transport, chunk: Buffer, from: number, to: number): void {
  const at = transport.reserve(to - from)
  transport.length = copyOctets(chunk, from, to, transport.buffer, at)
}

/** Writes octets `from` to `to` of `chunk` as one chunk (RFC 9112 §7.1), or none when empty; `end` adds the last chunk. */
export function writeChunk(
  transport: Transport,
  chunk: Buffer,
  from: number,
  to: number,
  end: boolean,
): void {
  const size = to - from
  let at = transport.reserve(size + CHUNK_OVERHEAD)
  const buffer = transport.buffer
  if (size > 0) {
    // 32 - clz32 is the number of significant bits; a chunk never reaches 2^31 bytes.
    for (let shift = (31 - Math.clz32(size)) & ~3; shift >= 0; shift -= 4) {
      buffer[at++] = HEX[(size >>> shift) & 15] as number
    }
    buffer[at++] = CR
    buffer[at++] = LF
    at = copyOctets(chunk, from, to, buffer, at)
    buffer[at++] = CR
    buffer[at++] = LF
  }
  if (end) {
    buffer[at++] = ZERO
    buffer[at++] = CR
    buffer[at++] = LF
    buffer[at++] = CR
    buffer[at++] = LF
  }
  transport.length = at
}

/** Writes the last chunk with the trailer section `lines` (whole lines, latin1). */
export function writeTrailers(transport: Transport, lines: string): void {
  const text = `0\r\n${lines}\r\n`
  const at = transport.reserve(text.length)
  transport.buffer.latin1Write(text, at, text.length)
  transport.length = at + text.length
}
