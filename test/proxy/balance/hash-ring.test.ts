import t from 'tap'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { HashRing } from '../../../proxy/balance/hash-ring.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { endpoint, endpoints, weighted } from './endpoints.ts'
import { NaiveRing } from './naive-hash.ts'

const hashes = (count: number, seed = 7) => {
  const random = new SeededRandom(seed)
  return Array.from({ length: count }, () => Math.floor(random.next() * 2 ** 32))
}

function pointsOf(ring: HashRing): Map<Endpoint, number> {
  const points = new Map<Endpoint, number>()
  for (let place = 0; place < ring.length; place++) {
    points.set(ring.at(place), (points.get(ring.at(place)) ?? 0) + 1)
  }
  return points
}

t.test('a ring is what a sorted list of points is', async (t) => {
  const { endpoints: members } = new EndpointSet(weighted(1, 2, 3, 10))
  const ring = new HashRing({ minSize: 1024, maxSize: 4096 })
  ring.update(members)
  const points = pointsOf(ring)
  const naive = new NaiveRing(members, (one) => points.get(one) as number)
  const edges = [0, 1, 2 ** 31, 2 ** 32 - 1]
  const wrong = [...edges, ...hashes(5000)].filter((hash) => ring.at(ring.find(hash)) !== naive.find(hash))
  t.same(wrong, [])
})

t.test('points follow the weights, between the sizes', async (t) => {
  const counted = (options: { minSize?: number; maxSize?: number }, ...weights: number[]) => {
    const { endpoints: members } = new EndpointSet(weighted(...weights))
    const ring = new HashRing(options)
    ring.update(members)
    const points = pointsOf(ring)
    return members.map((one) => points.get(one) ?? 0)
  }
  t.same(counted({}, 1), [1024], 'at least')
  t.same(counted({}, 1, 1), [512, 512])
  t.same(counted({}, 5, 5, 5), [512, 512, 512])
  t.same(counted({}, 2, 1, 1), [768, 384, 384])
  t.same(counted({ minSize: 8192, maxSize: 8192 }, 1, 3), [2048, 6144])
  const capped = counted({ maxSize: 1024 }, ...Array.from({ length: 100 }, () => 1))
  const sum = capped.reduce((total, one) => total + one, 0)
  t.ok(Math.abs(sum - 1024) < 30, `${sum} in all`)
  t.same([...new Set(capped)].sort(), [10, 11])
  t.same(counted({ minSize: 1, maxSize: 1 }, 1, 9, 1), [1, 1, 1], 'never fewer than one each')
})

t.test('many small changes, merged in, make the same ring as building it whole', async (t) => {
  const random = new SeededRandom(21)
  const set = new EndpointSet(endpoints(20))
  // Small enough that counts of points change with the number of endpoints.
  const options = { minSize: 256, maxSize: 2048 }
  const ring = new HashRing(options)
  const sample = hashes(500)
  let list = endpoints(20)
  for (let round = 0; round < 60; round++) {
    const drop = Math.floor(random.next() * list.length)
    if (random.next() < 0.5 && list.length > 1) list = list.filter((_, i) => i !== drop)
    else list = [...list, endpoint(100 + round, 1 + Math.floor(random.next() * 4))]
    if (random.next() < 0.3) list = list.map((one, i) => (i === 0 ? { ...one, weight: round + 1 } : one))
    set.update(list)
    ring.update(set.endpoints)
    const whole = new HashRing(options)
    whole.update(set.endpoints)
    const same = (hash: number) => ring.at(ring.find(hash)) === whole.at(whole.find(hash))
    if (ring.length !== whole.length || !sample.every(same)) t.fail(`round ${round} differs`)
  }
  ring.update([])
  t.equal(ring.length, 0)
})

t.test('the order of the endpoints makes no difference', async (t) => {
  const { endpoints: members } = new EndpointSet(endpoints(9))
  const [one, other] = [new HashRing(), new HashRing()]
  one.update(members)
  other.update([...members].reverse())
  t.ok(hashes(5000).every((hash) => one.at(one.find(hash)) === other.at(other.find(hash))))
})
