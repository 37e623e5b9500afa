/** Queries as browsers and services send them: about 150 bytes, each different, the same in every run. */
export function varyingQueries(count: number): string[] {
  const random = xorshift(0x9e3779b9)
  const hex = (words: number) =>
    Array.from({ length: words }, () => random().toString(16).padStart(8, '0')).join('')
  return Array.from(
    { length: count },
    (_, i) =>
      `?account=${hex(1)}&session=${hex(4)}&cursor=${hex(3)}&page=${i}&limit=50&fields=id,name,status,updated_at&locale=en-GB`,
  )
}

/** Marsaglia's xorshift32: enough to make strings differ. */
function xorshift(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
}
