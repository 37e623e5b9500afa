import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { BucketTable } from '../../../proxy/policy/bucket-table.ts'
import { allowance, byKey, passing, rateLimit } from './rate-limits.ts'

t.test('every key has a bucket of its own, all without one share it', async (t) => {
  const limit = byKey({ requests: 3 })
  t.equal(passing(allowance([limit], 'a'), 5, 1000), 3)
  t.equal(passing(allowance([limit], 'b'), 5, 1000), 3)
  t.equal(passing(allowance([limit], 'a'), 5, 1000), 0, 'whatever the connection')
  t.equal(passing(allowance([limit], ''), 2, 1000), 2)
  t.equal(passing(allowance([limit], '', '10.0.0.2'), 2, 1000), 1)
  t.equal(limit.stats.keys, 3)
})

t.test('a million keys take no more room than the table has', async (t) => {
  const size = 1000
  const limit = byKey({ requests: 1, per: 60_000, maxKeys: size })
  const random = new SeededRandom(5)
  let passed = 0
  for (let i = 0; i < 1_000_000; i++) {
    const key = `${Math.floor(random.next() * 2 ** 31)}`
    if (limit.wait(limit.bucket(key, 1000), 1000) > 0) continue
    limit.take(limit.bucket(key, 1000), 1000)
    passed += 1
  }
  t.equal(limit.stats.keys, size)
  t.equal(passed, size + 1, 'one for each place, and one for all others together')
})

t.test('as a map of unlimited size, as long as there is room', async (t) => {
  const table = new BucketTable(64)
  const naive = new Map<string, number>()
  const random = new SeededRandom(9)
  let now = 1000
  for (let i = 0; i < 50_000; i++) {
    now += random.next() * 10
    const key = `${Math.floor(random.next() * 200)}`
    const bucket = table.obtain(key, now)
    const known = naive.get(key) ?? 0
    // A bucket that is full again may be forgotten: nobody can tell.
    if (Math.max(bucket.fullAt, now) !== Math.max(known, now))
      t.fail(`${key} was ${known}, is ${bucket.fullAt}`)
    // About thirty at a time are not full.
    bucket.fullAt = Math.max(bucket.fullAt, now) + random.next() * 300
    naive.set(key, bucket.fullAt)
  }
  t.equal(table.size, 64)
})

t.test('a flood of made-up keys resets nobody', async (t) => {
  const limit = byKey({ requests: 10, per: 10_000, maxKeys: 500 })
  const random = new SeededRandom(2)
  const greedy = allowance([limit], 'greedy')
  let now = 1000
  t.equal(passing(greedy, 100, now), 10)
  let passed = 0
  let flooded = 0
  for (let i = 0; i < 100_000; i++) {
    now += 0.1
    flooded += passing(allowance([limit], `made up ${random.next()}`), 1, now)
    // Over its connection and over new ones.
    if (i % 100 === 0) passed += passing(greedy, 5, now) + passing(allowance([limit], 'greedy'), 5, now)
  }
  t.equal(passed, 9, 'one a second for the nearly ten seconds of the flood, as without it')
  t.equal(limit.stats.keys, 500)
  t.ok(
    flooded < 15_000,
    `${flooded} of the flood passed: places times what comes back, and the shared bucket`,
  )
  now += 10_000
  t.equal(passing(allowance([limit], 'newcomer'), 100, now), 10, 'afterwards all is as before')
})

t.test('a bucket that lost its place is not used any more by those that kept it', async (t) => {
  const limit = byKey({ requests: 2, per: 1000, maxKeys: 1 })
  const early = allowance([limit], 'a')
  t.equal(passing(early, 5, 1000), 2)
  t.equal(passing(allowance([limit], 'b'), 5, 5000), 2, 'the only place goes to b')
  t.equal(passing(early, 5, 5000), 2, 'a draws on the shared bucket')
  t.equal(passing(allowance([limit], 'c'), 5, 5000), 0, 'as others do')
  t.equal(passing(early, 5, 9000), 2, 'and has its own again when there is room')
  t.equal(passing(allowance([limit], 'a'), 5, 9000), 0, 'the same over every connection')
})

t.test('a limit without keys has one bucket', async (t) => {
  const limit = rateLimit({ requests: 4 })
  t.equal(passing(allowance([limit], 'a'), 3, 1000) + passing(allowance([limit], 'b'), 3, 1000), 4)
  t.equal(limit.stats.keys, 1)
})
