/** Integer from 0 to `count` - 1. */
export type Pick = (count: number) => number

const NOTABLE = [0, 1, 9, 10, 13, 32, 58, 0x7f, 0x80, 0xff]

/** A copy of `input` with a few bytes changed, `others` and `dictionary` being where new ones come from. */
export function mutate(
  input: Buffer,
  others: readonly Buffer[],
  dictionary: readonly Buffer[],
  pick: Pick,
): Buffer {
  let bytes: Buffer = Buffer.from(input)
  for (let n = 1 + pick(4); n > 0; n--) bytes = once(bytes, others, dictionary, pick)
  return bytes
}

function once(bytes: Buffer, others: readonly Buffer[], dictionary: readonly Buffer[], pick: Pick): Buffer {
  const length = bytes.length
  const at = pick(length + 1)
  const end = Math.min(length, at + 1 + pick(pick(4) === 0 ? 64 : 8))
  switch (pick(10)) {
    case 0:
      return replace(bytes, at, Math.min(length, at + 1), Buffer.from([pick(256)]))
    case 1:
      return replace(
        bytes,
        at,
        Math.min(length, at + 1),
        Buffer.from([NOTABLE[pick(NOTABLE.length)] as number]),
      )
    case 2: {
      if (at === length) return bytes
      bytes[at] = (bytes[at] as number) ^ (1 << pick(8))
      return bytes
    }
    case 3:
      return replace(bytes, at, at, Buffer.from(Array.from({ length: 1 + pick(8) }, () => pick(256))))
    case 4:
    case 5:
      if (dictionary.length === 0) return bytes
      return replace(bytes, at, pick(2) === 0 ? at : end, dictionary[pick(dictionary.length)] as Buffer)
    case 6:
      return replace(bytes, at, end, Buffer.alloc(0))
    case 7:
      return replace(bytes, at, at, bytes.subarray(at, end))
    case 8: {
      const to = pick(length + 1)
      return replace(bytes, to, to, bytes.subarray(at, Math.min(length, at + pick(200))))
    }
    default: {
      const other = others[pick(others.length)] ?? bytes
      const from = pick(other.length + 1)
      return replace(bytes, at, pick(2) === 0 ? length : at, other.subarray(from, from + pick(other.length)))
    }
  }
}

function replace(bytes: Buffer, from: number, to: number, by: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)])
}
