/**
 * The messages of `grpc.health.v1.Health/Check`: HealthCheckRequest { string service = 1 } and
 * HealthCheckResponse { ServingStatus status = 1 }, each in a gRPC frame (one byte of flags, four of length).
 */

/** Values of ServingStatus by number. */
export const SERVING_STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const

const FRAME_HEAD = 5
const FIELD_SERVICE = 0x0a
const FIELD_STATUS = 1

/** The framed request; an empty service asks about the server as a whole. */
export function encodeCheckRequest(service: string): Buffer {
  const name = Buffer.from(service, 'utf8')
  const message = name.length === 0 ? [] : [FIELD_SERVICE, ...varint(name.length), ...name]
  const frame = Buffer.alloc(FRAME_HEAD + message.length)
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, FRAME_HEAD)
  return frame
}

/** The number of the status in a framed response. Throws Error when the bytes are no such message. */
export function decodeCheckResponse(frame: Buffer): number {
  if (frame.length < FRAME_HEAD) throw new Error('the answer has no message')
  if (frame[0] !== 0) throw new Error('the answer is compressed, which was not offered')
  const end = FRAME_HEAD + frame.readUInt32BE(1)
  if (frame.length < end) throw new Error('the answer ends inside its message')
  const reader = new Reader(frame, FRAME_HEAD, end)
  // Absent means the default, which is UNKNOWN.
  let status = 0
  while (reader.more()) {
    const tag = reader.varint()
    if (tag === FIELD_STATUS << 3) status = reader.varint()
    else reader.skip(tag & 7)
  }
  return status
}

class Reader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  constructor(bytes: Buffer, from: number, end: number) {
    this.#bytes = bytes
    this.#at = from
    this.#end = end
  }

  more(): boolean {
    return this.#at < this.#end
  }

  varint(): number {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) break
      const byte = this.#bytes[this.#at++] as number
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw malformed()
  }

  /** Steps over a field of a wire type: 0 varint, 1 eight bytes, 2 with length, 5 four bytes. */
  skip(wireType: number): void {
    if (wireType === 0) this.varint()
    else if (wireType === 1) this.#at += 8
    else if (wireType === 2) {
      const length = this.varint()
      this.#at += length
    } else if (wireType === 5) this.#at += 4
    else throw malformed()
    if (this.#at > this.#end) throw malformed()
  }
}

function malformed(): Error {
  return new Error('the answer is not a health message')
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return bytes
}
