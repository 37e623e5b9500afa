import type { Added } from '../../message/added.ts'
import type { Fields } from '../../message/fields.ts'
import { type Head, TUNNEL_CONNECT } from '../../message/head.ts'
import {
  formatRequestId,
  REQUEST_ID_FIELD,
  REQUEST_ID_LENGTH,
  writeRequestId,
} from '../../message/request-id.ts'
import type { Transport } from '../transport.ts'
import {
  CONTINUATION,
  DEFAULT_FRAME_SIZE,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_HEADER,
  HEADERS,
} from './constants.ts'
import { writeFrameHeader } from './frame/frame-writer.ts'
import { HpackEncoder, writeInteger, writeLiteral } from './hpack/encoder.ts'

/** Ready-made blocks kept per connection; when it is reached all are dropped. */
const MAX_BLOCKS = 512
/** Room for an `x-request-id` literal: index, length, value. */
const REQUEST_ID_ROOM = 2 + REQUEST_ID_FIELD.length + 4 + REQUEST_ID_LENGTH

/**
 * Heads to HEADERS and CONTINUATION frames, for one connection. The block of a head that needs no change of the dynamic
 * table is kept and copied the next time; what differs from request to request follows as literals.
 */
export class HeadEncoder {
  /** The peer's SETTINGS_MAX_FRAME_SIZE, in bytes. */
  maxFrameSize = DEFAULT_FRAME_SIZE

  readonly #hpack = new HpackEncoder()
  readonly #blocks = new Map<Head, Buffer>()
  #generation = 0
  #lastHead: Head | null = null
  #lastBlock: Buffer | null = null

  setPeerTableSize(bytes: number): void {
    this.#hpack.setPeerTableSize(bytes)
  }

  write(transport: Transport, streamId: number, head: Head, added: Added | null, end: boolean): void {
    let block: Buffer | null = null
    if (this.#generation === this.#hpack.generation) {
      if (head === this.#lastHead) {
        block = this.#lastBlock
      } else {
        block = this.#blocks.get(head) ?? null
        if (block !== null) {
          this.#lastHead = head
          this.#lastBlock = block
        }
      }
    } else {
      this.#forget()
    }
    if (block === null) {
      this.#encode(transport, streamId, head, added, end)
      return
    }
    const length = block.length
    let room = FRAME_HEADER + length
    if (added !== null) room += addedRoom(added)
    if (room > this.maxFrameSize) {
      this.#encode(transport, streamId, head, added, end)
      return
    }
    const start = transport.reserve(room)
    const out = transport.buffer
    let at = start + FRAME_HEADER
    if (length < 48) for (let i = 0; i < length; i++) out[at + i] = block[i]
    else block.copy(out, at, 0, length)
    at += length
    if (added !== null) at = this.#added(out, at, added, false)
    writeFrameHeader(
      out,
      start,
      at - start - FRAME_HEADER,
      HEADERS,
      end ? FLAG_END_STREAM | FLAG_END_HEADERS : FLAG_END_HEADERS,
      streamId,
    )
    transport.length = at
  }

  trailers(transport: Transport, streamId: number, fields: Fields): void {
    scratchFor(fieldsRoom(fields))
    const at = this.#fields(this.#hpack.begin(scratch, 0), fields)
    this.#frames(transport, streamId, at, true)
  }

  #encode(transport: Transport, streamId: number, head: Head, added: Added | null, end: boolean): void {
    let room = 64 + fieldsRoom(head.fields) + head.method.length + head.scheme.length
    room += head.authority.length + head.path.length + head.tunnel.length + 140
    if (added !== null) room += addedRoom(added)
    scratchFor(room)
    const out = scratch
    const hpack = this.#hpack
    let at = hpack.begin(out, 0)
    if (head.status !== 0) {
      at = hpack.field(out, at, ':status', STATUS_TEXT[head.status], false)
    } else {
      const { tunnel } = head
      at = hpack.field(out, at, ':method', tunnel === '' ? head.method : 'CONNECT', false)
      if (tunnel !== '' && tunnel !== TUNNEL_CONNECT) at = hpack.field(out, at, ':protocol', tunnel, false)
      if (tunnel !== TUNNEL_CONNECT) {
        at = hpack.field(out, at, ':scheme', head.scheme, false)
        at = hpack.field(out, at, ':path', head.path, false)
      }
      if (head.authority !== '') at = hpack.field(out, at, ':authority', head.authority, false)
    }
    at = this.#fields(at, head.fields)
    const before = at
    if (added !== null && added.requestId !== 0 && hpack.nameIndex(REQUEST_ID_FIELD) === 0) {
      at = hpack.reserveName(out, at, REQUEST_ID_FIELD, formatRequestId(added.requestId))
    }
    if (hpack.stable) this.#keep(head, out, at)
    if (added !== null) at = this.#added(out, at, added, at > before)
    this.#frames(transport, streamId, at, end)
  }

  #fields(at: number, fields: Fields): number {
    const { names, values, sensitive } = fields
    for (let i = 0; i < names.length; i++) {
      const never = sensitive?.includes(names[i]) === true
      at = this.#hpack.field(scratch, at, names[i], values[i], never)
    }
    return at
  }

  /** `hasId`: the request id has been written already. */
  #added(out: Buffer, at: number, added: Added, hasId: boolean): number {
    if (added.requestId !== 0 && !hasId) {
      const index = this.#hpack.nameIndex(REQUEST_ID_FIELD)
      at = writeInteger(out, at, 0x00, 0x0f, index)
      if (index === 0) {
        at = writeInteger(out, at, 0x00, 0x7f, REQUEST_ID_FIELD.length)
        at += out.latin1Write(REQUEST_ID_FIELD, at)
      }
      out[at] = REQUEST_ID_LENGTH
      at = writeRequestId(added.requestId, out, at + 1)
    }
    const fields = added.fields
    if (fields !== null) {
      for (let i = 0; i < fields.names.length; i++) {
        at = writeLiteral(out, at, 0x00, 0x0f, 0, fields.names[i], fields.values[i], false)
      }
    }
    return at
  }

  /** Sends the first `length` bytes of the scratch buffer as one HEADERS and as many CONTINUATION frames as it takes. */
  #frames(transport: Transport, streamId: number, length: number, end: boolean): void {
    let from = 0
    let type = HEADERS
    let flags = end ? FLAG_END_STREAM : 0
    do {
      const size = Math.min(length - from, this.maxFrameSize)
      if (from + size === length) flags |= FLAG_END_HEADERS
      const start = transport.reserve(FRAME_HEADER + size)
      const at = writeFrameHeader(transport.buffer, start, size, type, flags, streamId)
      scratch.copy(transport.buffer, at, from, from + size)
      transport.length = at + size
      from += size
      type = CONTINUATION
      flags = 0
    } while (from < length)
  }

  #keep(head: Head, block: Buffer, length: number): void {
    // An insertion while this block was made leaves `stable` false, so the generation is still the one checked above.
    if (this.#blocks.size >= MAX_BLOCKS) this.#blocks.clear()
    const kept = Buffer.allocUnsafe(length)
    block.copy(kept, 0, 0, length)
    this.#blocks.set(head, kept)
  }

  #forget(): void {
    this.#blocks.clear()
    this.#lastHead = null
    this.#lastBlock = null
    this.#generation = this.#hpack.generation
  }
}

// Blocks are made here and copied out at once: one for all connections.
let scratch = Buffer.allocUnsafeSlow(4096)

function scratchFor(room: number): void {
  if (room > scratch.length) scratch = Buffer.allocUnsafeSlow(room * 2)
}

const STATUS_TEXT: readonly string[] = Array.from({ length: 1000 }, (_, status) => String(status))

function fieldsRoom(fields: Fields): number {
  let room = 32
  for (let i = 0; i < fields.names.length; i++) {
    room += HpackEncoder.bound(fields.names[i], fields.values[i])
  }
  return room
}

function addedRoom(added: Added): number {
  let room = added.requestId === 0 ? 0 : REQUEST_ID_ROOM
  if (added.fields !== null) room += fieldsRoom(added.fields)
  return room
}
