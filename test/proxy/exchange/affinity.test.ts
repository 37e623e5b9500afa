import t from 'tap'
import type { HashKeyConfig } from '../../../config/types/upstream.ts'
import { createBalancer } from '../../../proxy/balance/create-balancer.ts'
import type { Endpoint } from '../../../proxy/balance/endpoint.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { type Affinity, chooseDestination } from '../../../proxy/exchange/affinity.ts'
import type { Cluster } from '../../../proxy/exchange/cluster.ts'
import type { Exchange } from '../../../proxy/exchange/exchange.ts'
import { RouteTarget } from '../../../proxy/exchange/route-target.ts'
import { StickySession } from '../../../proxy/exchange/sticky.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { HashKeys } from '../../../proxy/policy/hash-key.ts'
import {
  type BenchOptions,
  ExchangeBench,
  type FakePool,
  type FakeStream,
  NOTHING_HELD,
} from './exchange-bench.ts'

const get = (fields: Record<string, string> = {}, tunnel = '') =>
  tunnel === ''
    ? Head.request('GET', 'http', 'a.test', '/', Fields.of(fields))
    : Head.tunnel(tunnel, 'http', 'a.test', '/', Fields.of(fields))

/** Index of the endpoint that a request arrived at; it is answered with `status`. */
function serve(bench: ExchangeBench, status = 200): number {
  const at = bench.pools.findIndex(({ streams }) => streams.length > 0)
  const [stream] = (bench.pools[at] as FakePool).streams.splice(0) as [FakeStream]
  stream.receiver?.head(Head.response(status, Fields.of({ server: 'x' })), null, true)
  return at
}

const cookieOf = (down: FakeStream) => down.heads.at(-1)?.fields.get('set-cookie') ?? ''
/** The pair to send back. */
const pairOf = (down: FakeStream) => cookieOf(down).split(';')[0] as string

function hashing(keys: readonly HashKeyConfig[], options: BenchOptions = {}): ExchangeBench {
  const affinity = ({ set }: Cluster): Affinity => ({
    balancer: createBalancer({ policy: 'maglev' }, set, new SeededRandom(3)),
    keys: new HashKeys(keys),
    sticky: null,
    subset: '',
  })
  return new ExchangeBench({ endpoints: 5, ...options, affinity })
}

function sticking(options: BenchOptions = {}, key = ''): ExchangeBench {
  const affinity = ({ set, balancer, name }: Cluster): Affinity => ({
    balancer,
    keys: null,
    sticky: new StickySession({ name: 'SID', maxAge: 60, path: '/' }, set, name, key, null),
    subset: '',
  })
  return new ExchangeBench({ endpoints: 3, ...options, affinity })
}

t.test('requests with the same header go to the same endpoint', async (t) => {
  const bench = hashing([{ kind: 'header', name: 'x-user' }])
  const at = new Map<string, number>()
  for (let i = 0; i < 120; i++) {
    const user = `user ${i % 30}`
    const down = bench.request(get({ 'x-user': user }))
    const index = serve(bench)
    t.equal(at.get(user) ?? index, index)
    at.set(user, index)
    t.equal(cookieOf(down), '')
  }
  t.equal(new Set(at.values()).size, 5)
  const spread = new Set<number>()
  for (let i = 0; i < 60; i++) {
    bench.request(get())
    spread.add(serve(bench))
  }
  t.equal(spread.size, 5, 'without the header they go anywhere')
  t.same(bench.held, NOTHING_HELD)
})

t.test('a head that is seen again is hashed once', async (t) => {
  const bench = hashing([{ kind: 'header', name: 'x-user' }])
  const head = get({ 'x-user': 'ann' })
  bench.request(head)
  serve(bench)
  const { joined } = Fields.prototype
  let reads = 0
  Fields.prototype.joined = function (name) {
    if (name === 'x-user') reads += 1
    return joined.call(this, name)
  }
  t.teardown(() => {
    Fields.prototype.joined = joined
  })
  bench.request(head)
  serve(bench)
  t.equal(reads, 0)
  bench.request(get({ 'x-user': 'ann' }))
  serve(bench)
  t.equal(reads, 1)
})

t.test('a retry leaves the endpoint of the key, the next request comes back to it', async (t) => {
  const bench = hashing([{ kind: 'header', name: 'x-user' }], { retry: {} })
  const head = get({ 'x-user': 'ann' })
  bench.request(head)
  const home = serve(bench, 503)
  const other = serve(bench)
  t.not(other, home)
  bench.request(head)
  t.equal(serve(bench), home)
})

t.test('a cookie to hash by is made when it is missing', async (t) => {
  const key: HashKeyConfig = {
    kind: 'cookie',
    cookie: { name: 'key', maxAge: 0, path: '/' },
    generated: true,
  }
  const bench = hashing([key])
  const seen = new Set<number>()
  const pairs = new Set<string>()
  for (let i = 0; i < 40; i++) {
    const down = bench.request(get())
    const index = serve(bench)
    seen.add(index)
    pairs.add(pairOf(down))
    t.match(cookieOf(down), /^key=[\w-]{16}; Path=\/; HttpOnly; SameSite=Lax$/)
    const next = bench.request(get({ cookie: `a=b; ${pairOf(down)}` }))
    t.equal(serve(bench), index)
    t.equal(cookieOf(next), '', 'it is set once')
  }
  t.equal(seen.size, 5)
  t.equal(pairs.size, 40)
})

t.test('a session stays where it began', async (t) => {
  const bench = sticking()
  for (let i = 0; i < 6; i++) {
    const down = bench.request(get())
    const index = serve(bench)
    t.match(cookieOf(down), /^SID=[\w-]{16}; Max-Age=60; Path=\/; HttpOnly; SameSite=Lax$/)
    t.equal(down.heads[0]?.fields.get('server'), 'x', 'beside the fields of the response')
    for (let j = 0; j < 3; j++) {
      const next = bench.request(get({ cookie: pairOf(down) }))
      t.equal(serve(bench), index)
      t.equal(cookieOf(next), '')
    }
  }
  t.same(bench.held, NOTHING_HELD)
})

t.test('over TLS the cookie is for TLS only', async (t) => {
  const bench = sticking({ caller: { tls: true } })
  const down = bench.request(get())
  serve(bench)
  t.match(cookieOf(down), /; Secure$/)
})

t.test('a session whose endpoint cannot be used goes on elsewhere', async (t) => {
  const bench = sticking()
  const { set } = bench.cluster
  const first = bench.request(get())
  const home = serve(bench)
  set.setHealth(set.endpoints[home] as Endpoint, 'unhealthy', 'test')
  const second = bench.request(get({ cookie: pairOf(first) }))
  const other = serve(bench)
  t.not(other, home)
  t.not(pairOf(second), pairOf(first))
  t.match(pairOf(second), /^SID=/)
  set.setHealth(set.endpoints[home] as Endpoint, 'healthy', 'test')
  bench.request(get({ cookie: pairOf(second) }))
  t.equal(serve(bench), other, 'and stays there')
})

t.test('a session outlives updates, and its endpoint', async (t) => {
  const bench = sticking()
  const { set } = bench.cluster
  const first = bench.request(get())
  const home = serve(bench)
  const options = set.endpoints.map(({ address, host, port }) => ({
    address: { host, port, text: address },
    weight: 2,
    zone: null,
    priority: 0,
  }))
  set.update([...options].reverse())
  bench.request(get({ cookie: pairOf(first) }))
  t.equal(serve(bench), home)
  set.update(options.filter((_, i) => i !== home))
  const second = bench.request(get({ cookie: pairOf(first) }))
  t.not(serve(bench), home)
  t.match(pairOf(second), /^SID=/)
})

t.test('a session that fails over goes on where it was answered', async (t) => {
  const bench = sticking({ retry: {} })
  const first = bench.request(get())
  const home = serve(bench)
  const second = bench.request(get({ cookie: pairOf(first) }))
  t.equal(serve(bench, 503), home)
  const other = serve(bench)
  t.not(other, home)
  bench.request(get({ cookie: pairOf(second) }))
  t.equal(serve(bench), other)
})

t.test('a session does not fill its endpoint beyond the limit', async (t) => {
  const bench = sticking({ requestsPerEndpoint: 1 })
  const first = bench.request(get())
  const home = serve(bench)
  bench.request(get({ cookie: pairOf(first) }))
  const beyond = bench.request(get({ cookie: pairOf(first) }))
  t.equal(bench.upstream.length, 2)
  t.equal((bench.pools[home] as FakePool).streams.length, 1)
  t.ok([serve(bench), serve(bench)].includes(home))
  t.match(pairOf(beyond), /^SID=/, 'it goes on where there was room')
  t.not(pairOf(beyond), pairOf(first))
  t.same(bench.held, NOTHING_HELD)
})

t.test('who fails is not stuck to', async (t) => {
  const bench = sticking()
  const down = bench.request(get())
  serve(bench, 500)
  t.equal(cookieOf(down), '')
})

t.test('a tunnel has a session, too', async (t) => {
  const bench = sticking({ tunnels: ['websocket'] })
  const down = bench.request(get({}, 'websocket'))
  const [stream] = bench.upstream
  const accepted = new Head('', '', '', '', 200, Fields.of({}), -1, false, 'websocket')
  stream?.receiver?.head(accepted, null, false)
  t.match(cookieOf(down), /^SID=/)
  t.equal(down.heads[0]?.tunnel, 'websocket')
})

t.test('the cookie tells no address, and is the same in every sidecar with the same key', async (t) => {
  const name = (key: string) => {
    const bench = sticking({}, key)
    const down = bench.request(get())
    serve(bench)
    return pairOf(down)
  }
  t.equal(name('secret'), name('secret'))
  t.not(name('secret'), name('other'))
  t.notMatch(Buffer.from(name('').slice(4), 'base64url').toString('latin1'), /10\.0\.0\.1/)
  const bench = sticking()
  for (const wrong of ['SID=', 'SID=10.0.0.1:1', 'SID=AAAAAAAAAAAAAAAA', 'SID=constructor']) {
    const down = bench.request(get({ cookie: wrong }))
    serve(bench)
    t.match(cookieOf(down), /^SID=[\w-]{16};/, `${wrong} is answered with a cookie`)
  }
})

t.test('a session of a route keeps its upstream, whatever the weights', async (t) => {
  const destinations = [sticking(), sticking()].map(({ cluster, stats }, i) => ({
    cluster,
    stats,
    upTo: i === 0 ? 99 : 100,
    affinity: {
      balancer: cluster.balancer,
      keys: null,
      // The two have the same addresses here: the names differ by the upstream.
      sticky: new StickySession({ name: 'SID', maxAge: 60, path: '/' }, cluster.set, `up-${i}`, '', null),
      subset: '',
    },
  }))
  const tunnels = { allowed: new Set<string>(), idleMs: null }
  const choose = (sticky: boolean, fields: Record<string, string>) => {
    const target = new RouteTarget({ name: 'r', destinations, tunnels, random: new SeededRandom(9), sticky })
    const exchange = { request: get(fields), stuckTo: null } as unknown as Exchange
    const chosen = new Set<number>()
    for (let i = 0; i < 200; i++) chosen.add(chooseDestination(exchange, target))
    return { chosen: [...chosen].sort(), stuckTo: exchange.stuckTo }
  }
  const [, canary] = destinations as [(typeof destinations)[0], (typeof destinations)[0]]
  const endpoint = canary.cluster.set.endpoints[2] as Endpoint
  const cookie = `SID=${canary.affinity.sticky.name(endpoint)}`
  t.same(choose(true, { cookie }), { chosen: [1], stuckTo: endpoint })
  t.same(choose(true, {}), { chosen: [0, 1], stuckTo: null })
  t.same(choose(false, { cookie }).chosen, [0, 1], 'sessions of the upstreams come after their choice')
})

t.test('a session whose endpoint is late is not handed to another', async (t) => {
  const bench = sticking({ hedge: {} })
  const first = bench.request(get())
  const at = serve(bench)
  const down = bench.request(get({ cookie: pairOf(first) }))
  bench.clock.advance(500)
  t.equal(bench.upstream.length, 1)
  t.equal(serve(bench), at)
  t.equal(cookieOf(down), '', 'it stays where it is')
  bench.request(get())
  bench.clock.advance(100)
  t.equal(bench.upstream.length, 2, 'who has no session yet may be answered by any')
})
