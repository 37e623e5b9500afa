import t from 'tap'
import { CappedBalancer, EndpointCap } from '../../../proxy/balance/capped-balancer.ts'
import { createBalancer } from '../../../proxy/balance/create-balancer.ts'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { after, endpoints, FIRST } from './endpoints.ts'

for (const policy of ['round-robin', 'random', 'least-request', 'weighted'] as const) {
  t.test(`${policy}: full endpoints are passed over`, async (t) => {
    const set = new EndpointSet(endpoints(4))
    const cap = new EndpointCap(3)
    const capped = new CappedBalancer(createBalancer({ policy }, set, new SeededRandom(5)), cap)
    for (let i = 0; i < 12; i++) {
      const picked = capped.pick(FIRST) as Endpoint
      picked.active += 1
    }
    t.same(
      set.endpoints.map(({ active }) => active),
      [3, 3, 3, 3],
      'up to the limit everything passes',
    )
    t.equal(cap.full, false)
    t.equal(capped.pick(FIRST), null)
    t.equal(cap.full, true)
    const last = set.endpoints[3] as Endpoint
    last.active -= 1
    t.equal(capped.pick(FIRST), last, 'and the one place that is free is found')
    t.equal(capped.pick(after(last)), null, 'but not a second time by the same request')
  })
}

t.test('of many endpoints nine are looked at', async (t) => {
  const set = new EndpointSet(endpoints(10_000))
  for (const one of set.endpoints) one.active = 1
  let picks = 0
  const inner = createBalancer({ policy: 'random' }, set, new SeededRandom(5))
  const counting = {
    pick: (choice: Parameters<typeof inner.pick>[0]) => {
      picks += 1
      return inner.pick(choice)
    },
  }
  const cap = new EndpointCap(1)
  const capped = new CappedBalancer(counting, cap)
  t.equal(capped.pick(FIRST), null)
  t.equal(picks, 9)
  t.equal(cap.full, true)
})

t.test('no endpoint at all is not full', async (t) => {
  const cap = new EndpointCap(1)
  const capped = new CappedBalancer(createBalancer({ policy: 'random' }, new EndpointSet([])), cap)
  t.equal(capped.pick(FIRST), null)
  t.equal(cap.full, false)
})
