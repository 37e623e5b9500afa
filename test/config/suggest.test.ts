import t from 'tap'
import { didYouMean, editDistance, suggest } from '../../config/suggest.ts'

/** The definition, without a table. */
function naiveDistance(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length
  const [shortA, shortB] = [a.slice(0, -1), b.slice(0, -1)]
  const same = a.at(-1) === b.at(-1) ? 0 : 1
  const costs = [
    naiveDistance(shortA, b) + 1,
    naiveDistance(a, shortB) + 1,
    naiveDistance(shortA, shortB) + same,
  ]
  if (a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1)) {
    costs.push(naiveDistance(a.slice(0, -2), b.slice(0, -2)) + 1)
  }
  return Math.min(...costs)
}

t.test('the distance is the one of the definition', async (t) => {
  const words = ['', 'a', 'b', 'ab', 'ba', 'abc', 'acb', 'cab', 'abcd', 'badc', 'aabb', 'abab']
  for (const a of words)
    for (const b of words) t.equal(editDistance(a, b), naiveDistance(a, b), `${a} to ${b}`)
})

t.test('what was probably meant', async (t) => {
  const keys = ['service', 'listeners', 'upstreams', 'trustDomain', 'timeout', 'retry', 'tls']
  const cases: [string, string | null][] = [
    ['lisen', 'listeners'],
    ['upstream', 'upstreams'],
    ['Upstreams', 'upstreams'],
    ['trust_domain', 'trustDomain'],
    ['timeuot', 'timeout'],
    ['timeouts', 'timeout'],
    ['tsl', 'tls'],
    ['retries', 'retry'],
    ['dns', null],
    ['x', null],
    ['', null],
    ['application', null],
    ['a'.repeat(10_000), null],
  ]
  for (const [word, expected] of cases) t.equal(suggest(word, keys), expected, word.slice(0, 20))
  t.equal(
    suggest('http2', ['http1', 'h2', 'auto']),
    'h2',
    'another name for the same thing wins over a similar word',
  )
  t.equal(didYouMean('tsl', keys), ', did you mean `tls`?')
  t.equal(didYouMean('dns', keys), '')
})
