import { NONE_TRIED } from '../../../proxy/balance/choice.ts'
import { type BalanceOptions, createBalancer } from '../../../proxy/balance/create-balancer.ts'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { murmur3 } from '../../../proxy/base/murmur3.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { exponential, zipf } from '../distribution.ts'
import { percent } from '../figure.ts'
import { Mesh } from '../mesh.ts'
import type { Study } from '../study.ts'
import { endpoint, endpoints, LATENCY_COLUMNS, latencyCells, type Scale } from './settings.ts'

/** The policies that go by a key of the request. */
export const CONSISTENT: readonly BalanceOptions[] = [{ policy: 'ring-hash' }, { policy: 'maglev' }]

const KEYS = 50_000
const MEMBERS = 20
const LIST = endpoints(MEMBERS)
const GONE = 7

/** What becomes of keys when endpoints come and go. Shares are those of all keys. */
export interface KeyResult {
  /** Keys of the endpoint that has the most, and the fewest, as a multiple of the mean. */
  readonly most: number
  readonly fewest: number
  /** One of twenty was removed: keys of others that moved, which none should. */
  readonly movedByRemoval: number
  /** A twenty-first was added: keys that moved to another but the new one, which none should; and that it got. */
  readonly movedByAddition: number
  readonly gotByAddition: number
  /** One was unhealthy: keys of others that moved; and keys that are elsewhere than before when it is back. */
  readonly movedByFailure: number
  readonly notBack: number
}

/** Where each key goes. */
type Places = readonly string[]

export function runKeys(balance: BalanceOptions): KeyResult {
  const set = new EndpointSet(LIST, { panicBelow: 0 })
  const balancer = createBalancer(balance, set, new SeededRandom(1))
  const hashes = Array.from({ length: KEYS }, (_, i) => murmur3(`key-${i}`))
  const places = (): Places =>
    hashes.map((hash) => (balancer.pick({ tried: NONE_TRIED, hash }) as Endpoint).address)
  const before = places()
  const counts = new Map<string, number>(LIST.map(({ address }) => [address.text, 0]))
  for (const address of before) counts.set(address, (counts.get(address) ?? 0) + 1)
  const gone = LIST[GONE]?.address.text ?? ''
  const added = endpoint(MEMBERS)

  const patient = set.endpoints[GONE] as Endpoint
  set.setHealth(patient, 'unhealthy', 'simulated')
  const without = places()
  set.setHealth(patient, 'healthy', 'simulated')
  const again = places()
  set.update(LIST.filter((_, i) => i !== GONE))
  const removed = places()
  set.update(LIST)
  set.update([...LIST, added])
  const more = places()

  const share = (isOne: (i: number) => boolean) => before.filter((_, i) => isOne(i)).length / KEYS
  return {
    most: (Math.max(...counts.values()) * MEMBERS) / KEYS,
    fewest: (Math.min(...counts.values()) * MEMBERS) / KEYS,
    movedByRemoval: share((i) => before[i] !== gone && removed[i] !== before[i]),
    movedByAddition: share((i) => more[i] !== before[i] && more[i] !== added.address.text),
    gotByAddition: share((i) => more[i] === added.address.text),
    movedByFailure: share((i) => before[i] !== gone && without[i] !== before[i]),
    notBack: share((i) => again[i] !== before[i]),
  }
}

/** Few keys that make up most of the traffic: one of a thousand has an eighth of it. */
export function runHotKeys(balance: BalanceOptions, { seed, length }: Scale): Mesh {
  const draw = zipf(1000)
  const hashes = Array.from({ length: 1000 }, (_, i) => murmur3(`key-${i}`))
  return new Mesh({
    seed,
    balance,
    sidecars: 1,
    endpoints: endpoints(10),
    server: () => ({ concurrency: 8, service: exponential(10) }),
    rate: 4800,
    seconds: 20 * length,
    hash: (random) => hashes[draw(random)] as number,
  }).run()
}

export function consistentStudy(scale: Scale): Study {
  const keys = CONSISTENT.map((balance) => {
    const found = runKeys(balance)
    return [
      balance.policy,
      found.most.toFixed(2),
      found.fewest.toFixed(2),
      percent(found.movedByFailure, 2),
      percent(found.movedByRemoval, 2),
      percent(found.movedByAddition, 2),
      percent(found.gotByAddition, 2),
    ]
  })
  const bounds = [null, 1.5, 1.25]
  const hot = CONSISTENT.flatMap(({ policy }) =>
    bounds.map((boundedLoad) => {
      const mesh = runHotKeys({ policy, boundedLoad }, scale)
      const shares = [...mesh.sent.keys()].map((address) => mesh.share(address))
      return [
        boundedLoad === null ? policy : `${policy}, bound ${100 * boundedLoad} %`,
        percent(Math.max(...shares)),
        ...latencyCells(mesh),
      ]
    }),
  )
  return {
    figures: [
      {
        title: 'Keys that stay where they are',
        setting:
          '50,000 keys on twenty endpoints. Keys of the busiest and the idlest endpoint, as a multiple of the mean; then keys of others that move although they need not, when one of the twenty is unhealthy, when it is removed, and when a twenty-first is added; and what that one gets, fairly 4.76 %. By the remainder of the hash, 95 % of all keys would move.',
        columns: [
          'policy',
          'most keys',
          'fewest keys',
          'moved, one unhealthy',
          'moved, one removed',
          'moved, one added',
          'the added one gets',
        ],
        rows: keys,
      },
      {
        title: 'Keys that everybody asks for',
        setting:
          'A thousand keys, the first of which has 13 % of the requests and the tenth 1.3 % (Zipf), on ten endpoints at 60 % of what they can do; one sidecar sends 4800 requests/s for 20 s. `boundedLoad` has an endpoint take no more than so much of its share of the requests in flight.',
        columns: ['policy', 'largest share', ...LATENCY_COLUMNS],
        rows: hot,
      },
    ],
    panels: [],
  }
}
