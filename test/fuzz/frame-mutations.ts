import { type Frame, type FrameCoder, uint32 } from '../support/frames.ts'

/** Pieces of header blocks and payloads that mean something. */
export const FRAME_DICTIONARY: readonly Buffer[] = [
  ...['82', '83', '84', '86', '87', '88', '8e', 'be', 'bf', '20', '3fe11f', '40017801' + '79', '0001780179'],
  ...[
    '4108612e74657374',
    '0f0d0135',
    '0f0d023130',
    '000274650874',
    '0007757067726164650161',
    '00000000',
    '7fffffff',
  ],
  ...[
    '000100000000',
    '000400000000',
    '00047fffffff',
    '0004ffffffff',
    '000500004000',
    '000500ffffff',
    '000300000001',
  ],
].map((hex) => Buffer.from(hex, 'hex'))

interface Raw {
  type: number
  flags: number
  id: number
  payload: Buffer
}

/** A change to `input` frame by frame, lengths kept right. The first `skip` bytes stay. */
export function mutateFrames(input: Buffer, skip: number, pick: (count: number) => number): Buffer {
  const frames = split(input, skip)
  const at = pick(frames.length + 1)
  const frame = frames[at]
  const action = pick(12)
  if (action === 0 || frame === undefined) frames.splice(at, 0, fresh(pick))
  else if (action === 1) frames.splice(at, 1)
  else if (action === 2)
    frames.splice(pick(frames.length + 1), 0, { ...frame, payload: Buffer.from(frame.payload) })
  else if (action === 3) frame.flags ^= 1 << pick(8)
  else if (action === 4) frame.id = IDS[pick(IDS.length)] as number
  else if (action === 5) frame.id += 2
  else if (action === 6) frame.type = pick(11)
  else if (action === 7) frame.payload = Buffer.alloc(pick(30), pick(256))
  else if (action === 8) {
    const from = pick(frame.payload.length + 1)
    const token = FRAME_DICTIONARY[pick(FRAME_DICTIONARY.length)] as Buffer
    const to = pick(2) === 0 ? from : from + token.length
    frame.payload = Buffer.concat([frame.payload.subarray(0, from), token, frame.payload.subarray(to)])
  } else if (action === 9) frame.payload = frame.payload.subarray(0, pick(frame.payload.length + 1))
  else if (action === 10 && frame.payload.length > 0) {
    frame.payload = Buffer.from(frame.payload)
    frame.payload[pick(frame.payload.length)] = pick(256)
  } else {
    // The same stream's life once more, on the next stream.
    const copy = frames.slice(at, at + 1 + pick(4))
    frames.splice(at, 0, ...copy.map((each) => ({ ...each, payload: Buffer.from(each.payload) })))
    for (const each of copy) if (each.id !== 0) each.id += 2
  }
  return Buffer.concat([input.subarray(0, skip), ...frames.map(join)])
}

const IDS = [0, 1, 2, 3, 5, 7, 9, 101, 0x7fffffff]

function split(input: Buffer, skip: number): Raw[] {
  const frames: Raw[] = []
  for (let at = skip; at + 9 <= input.length; ) {
    const length = input.readUIntBE(at, 3)
    const payload = Buffer.from(input.subarray(at + 9, at + 9 + length))
    const id = input.readUInt32BE(at + 5) & 0x7fffffff
    frames.push({ type: input[at + 3] as number, flags: input[at + 4] as number, id, payload })
    at += 9 + length
  }
  return frames
}

function join({ type, flags, id, payload }: Raw): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length & 0xffffff, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE((id & 0x7fffffff) >>> 0, 5)
  return Buffer.concat([head, payload])
}

const REQUEST = Buffer.from('838684' + '4106612e74657374', 'hex')
const RESPONSE = Buffer.from([0x88])

function fresh(pick: (count: number) => number): Raw {
  const id = IDS[pick(6)] as number
  switch (pick(9)) {
    case 0:
      return { type: 0, flags: pick(2), id, payload: Buffer.alloc(pick(40), 0x78) }
    case 1:
      return { type: 1, flags: 4 | pick(2), id, payload: pick(2) === 0 ? REQUEST : RESPONSE }
    case 2:
      return { type: 3, flags: 0, id, payload: uint32(pick(14)) }
    case 3:
      return { type: 4, flags: 0, id: 0, payload: Buffer.from([0, 1 + pick(6), ...uint32(pick(3) * 20_000)]) }
    case 4:
      return { type: 4, flags: 1, id: 0, payload: Buffer.alloc(0) }
    case 5:
      return { type: 6, flags: pick(2), id: 0, payload: Buffer.alloc(8) }
    case 6:
      return { type: 7, flags: 0, id: 0, payload: Buffer.concat([uint32(pick(8)), uint32(pick(14))]) }
    case 7:
      return { type: 8, flags: 0, id: pick(2) === 0 ? 0 : id, payload: uint32(1 + pick(70_000)) }
    default:
      return { type: 9, flags: 4, id, payload: Buffer.alloc(0) }
  }
}

/** The bytes of `frames` behind `start`. */
export function frameSeed(start: Buffer, coder: FrameCoder, frames: readonly Frame[]): Buffer {
  return Buffer.concat([start, ...frames.map((frame) => coder.write(frame))])
}
