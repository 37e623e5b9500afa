/**
 * The candidate a mistyped word most likely means, or `null` when none is near.
 *
 * Near is: the same but for case, dashes and underscores; at most a third of its letters wrong; or the word's
 * letters all occurring in the candidate in their order, as in `lisen` for `listeners`; or a candidate with more
 * letters behind it. Other names of the field for the same thing count as equal.
 */
export function suggest(word: string, candidates: readonly string[]): string | null {
  const typed = fold(word)
  if (typed === '' || typed.length > 64) return null
  const synonym = synonyms.get(typed)
  if (synonym !== undefined && candidates.includes(synonym)) return synonym
  let best: string | null = null
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const wanted = fold(candidate)
    const distance = editDistance(typed, wanted)
    const longer = Math.max(typed.length, wanted.length)
    const near = distance <= Math.max(1, Math.floor(longer / 3)) && distance < longer
    const shortened = typed.length >= 3 && typed.length * 2 >= wanted.length && isSubsequence(typed, wanted)
    const lengthened = wanted.length >= 3 && wanted.length * 2 >= typed.length && typed.startsWith(wanted)
    if ((near || shortened || lengthened) && distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `, did you mean X?`, or nothing. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const candidate = suggest(word, candidates)
  return candidate === null ? '' : `, did you mean \`${candidate}\`?`
}

const synonyms = new Map([
  ['http2', 'h2'],
  ['h2c', 'h2'],
  ['grpc', 'h2'],
  ['http', 'http1'],
  ['h1', 'http1'],
  ['http/1.1', 'http1'],
  ['mtls', 'mutual'],
  ['strict', 'mutual'],
  ['tls', 'server'],
  ['simple', 'server'],
  ['plaintext', 'none'],
  ['disabled', 'none'],
  ['leastconn', 'least-request'],
  ['retries', 'retry'],
  ['hosts', 'endpoints'],
  ['servers', 'endpoints'],
  ['clusters', 'upstreams'],
])

function fold(word: string): string {
  return word.toLowerCase().replace(/[-_\s]/g, '')
}

function isSubsequence(part: string, whole: string): boolean {
  let at = 0
  for (const letter of whole) if (letter === part[at]) at++
  return at === part.length
}

/**
 * Edits (insert, delete, replace, swap of neighbours) between two words: the optimal string alignment
 * variant of the Damerau-Levenshtein distance.
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, beforeLast[j - 2]! + 1)
      }
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
