/**
 * MurmurHash3_x86_32 (Appleby 2011) of a string whose characters are bytes (latin1, as field values are). A 32-bit
 * unsigned number. Fast and even, not secret: whoever knows it can make strings that collide.
 */
export function murmur3(bytes: string, seed = 0): number {
  const length = bytes.length
  const whole = length & ~3
  let hash = seed | 0
  let i = 0
  for (; i < whole; i += 4) {
    const word =
      (bytes.charCodeAt(i) & 0xff) |
      ((bytes.charCodeAt(i + 1) & 0xff) << 8) |
      ((bytes.charCodeAt(i + 2) & 0xff) << 16) |
      (bytes.charCodeAt(i + 3) << 24)
    hash ^= scramble(word)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  let rest = 0
  for (let j = length - 1; j >= whole; j--) rest = (rest << 8) | (bytes.charCodeAt(j) & 0xff)
  if (length !== whole) hash ^= scramble(rest)
  return mix32(hash ^ length)
}

/** Its finaliser alone: every bit of a 32-bit number decides about every bit of the result, and no two give the same. */
export function mix32(number: number): number {
  let hash = number ^ (number >>> 16)
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}
