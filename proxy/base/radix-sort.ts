const BITS = 11
const DIGITS = 1 << BITS

/**
 * Sorts 32-bit unsigned keys, and values along with them, in place and stably: three passes over 11 bits each. Linear, and
 * for hundreds of thousands of keys some ten times faster than a sort by comparison.
 */
export function radixSort(keys: Uint32Array, values: Uint32Array): void {
  const length = keys.length
  let fromKeys = keys
  let fromValues = values
  let toKeys: Uint32Array = new Uint32Array(length)
  let toValues: Uint32Array = new Uint32Array(length)
  const ends = new Uint32Array(DIGITS)
  for (let shift = 0; shift < 32; shift += BITS) {
    ends.fill(0)
    for (let i = 0; i < length; i++) count(ends, digit(fromKeys[i] as number, shift))
    let start = 0
    for (let i = 0; i < DIGITS; i++) {
      const size = ends[i] as number
      ends[i] = start
      start += size
    }
    for (let i = 0; i < length; i++) {
      const key = fromKeys[i] as number
      const at = count(ends, digit(key, shift))
      toKeys[at] = key
      toValues[at] = fromValues[i] as number
    }
    ;[fromKeys, toKeys] = [toKeys, fromKeys]
    ;[fromValues, toValues] = [toValues, fromValues]
  }
  // Three passes end in the scratch.
  keys.set(fromKeys)
  values.set(fromValues)
}

function digit(key: number, shift: number): number {
  return (key >>> shift) & (DIGITS - 1)
}

/** Adds one, and returns what was there. */
function count(counts: Uint32Array, at: number): number {
  const before = counts[at] as number
  counts[at] = before + 1
  return before
}
