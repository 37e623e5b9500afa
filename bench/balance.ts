// What a pick costs, and what the first pick after a change costs: `npm run bench:balance`.
import type { Balancer } from '../proxy/balance/balancer.ts'
import { type Choice, NONE_TRIED } from '../proxy/balance/choice.ts'
import { type BalanceOptions, createBalancer } from '../proxy/balance/create-balancer.ts'
import type { Endpoint, EndpointOptions } from '../proxy/balance/endpoint.ts'
import { EndpointSet } from '../proxy/balance/endpoint-set.ts'
import { mix32 } from '../proxy/base/murmur3.ts'
import { SeededRandom } from '../proxy/base/random.ts'

const SIZES = [3, 100, 10_000]
const PICKS = 400_000
const IN_FLIGHT = 64

const SLOW_START = { window: 30_000, aggression: 1, minimum: 0.1 }
const CASES: readonly (readonly [string, BalanceOptions, (i: number) => number])[] = [
  ['round-robin', { policy: 'round-robin' }, same],
  ['weighted', { policy: 'weighted' }, mixed],
  ['random', { policy: 'random' }, same],
  ['random, weights', { policy: 'random' }, mixed],
  ['least-request', { policy: 'least-request' }, same],
  ['least-request, weights', { policy: 'least-request' }, mixed],
  ['least-request, slow start', { policy: 'least-request', slowStart: SLOW_START }, same],
  ['ewma', { policy: 'ewma' }, same],
  ['ring-hash', { policy: 'ring-hash' }, same],
  ['ring-hash, bound', { policy: 'ring-hash', boundedLoad: 1.25 }, same],
  ['maglev', { policy: 'maglev' }, same],
  ['maglev, bound', { policy: 'maglev', boundedLoad: 1.25 }, same],
]

function same(): number {
  return 1
}

function mixed(i: number): number {
  return 1 + (i % 20)
}

function options(count: number, weight: (i: number) => number): EndpointOptions[] {
  return Array.from({ length: count }, (_, i) => {
    const host = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
    return {
      address: { host, port: 80, text: `${host}:80` },
      weight: weight(i),
      zone: null,
      priority: 0,
    }
  })
}

/** Nanoseconds of a pick with its endpoint's count of requests in flight; some requests are under way all the time. */
function pickCost(balancer: Balancer): number {
  const choice = { tried: NONE_TRIED, hash: 0 }
  const underWay: (Endpoint | null)[] = Array.from({ length: IN_FLIGHT }, () => null)
  const run = (picks: number) => {
    for (let i = 0; i < picks; i++) {
      const slot = i % IN_FLIGHT
      const gone = underWay[slot] as Endpoint | null
      if (gone !== null) gone.active -= 1
      choice.hash = mix32(i)
      const endpoint = balancer.pick(choice) as Endpoint
      endpoint.active += 1
      underWay[slot] = endpoint
    }
  }
  run(PICKS / 4)
  const start = performance.now()
  run(PICKS)
  return ((performance.now() - start) * 1e6) / PICKS
}

/** Milliseconds of the first pick after `change`, the change itself left out; the median of some. */
function rebuildCost(balancer: Balancer, rounds: number, change: (round: number) => void): number {
  const choice: Choice = { tried: NONE_TRIED, hash: 1 }
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    change(round)
    const start = performance.now()
    balancer.pick(choice)
    times.push(performance.now() - start)
  }
  return times.sort((a, b) => a - b)[rounds >> 1] as number
}

const columns = [
  'policy',
  ...SIZES.map((size) => `pick of ${size}, ns`),
  'built, ms',
  'one fails, ms',
  'one joins, ms',
]
const rows = CASES.map(([name, policy, weight]) => {
  const picks = SIZES.map((size) => {
    const set = new EndpointSet(options(size, weight))
    return pickCost(createBalancer(policy, set, new SeededRandom(1))).toFixed(0)
  })
  const many = SIZES[SIZES.length - 1] as number
  const list = options(many, weight)
  const larger = options(many + 1, weight)
  const built = rebuildCost(
    {
      pick: (choice) =>
        createBalancer(policy, new EndpointSet(list.slice(0, many)), new SeededRandom(1)).pick(choice),
    },
    5,
    () => {},
  )
  const bare = rebuildCost(
    {
      pick: () => {
        new EndpointSet(list.slice(0, many))
        return null
      },
    },
    5,
    () => {},
  )
  const set = new EndpointSet(list, { panicBelow: 0 })
  const balancer = createBalancer(policy, set, new SeededRandom(1))
  const fails = rebuildCost(balancer, 9, (round) =>
    set.setHealth(set.endpoints[7] as Endpoint, round % 2 === 0 ? 'unhealthy' : 'healthy', ''),
  )
  const joins = rebuildCost(balancer, 9, (round) => set.update(round % 2 === 0 ? larger : list))
  return [name, ...picks, ...[Math.max(0, built - bare), fails, joins].map((ms) => ms.toFixed(2))]
})

const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]?.length ?? 0)))
const line = (cells: readonly string[]) =>
  cells
    .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
    .join('  ')
process.stdout.write(
  `${line(columns)}\n${rows.map(line).join('\n')}\nThe last three: the first pick after it, with ${SIZES[SIZES.length - 1]} endpoints.\n`,
)
