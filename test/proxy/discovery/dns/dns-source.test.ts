import { createSocket } from 'node:dgram'
import { encode } from 'dns-packet'
import t from 'tap'
import { soa } from '../../../support/peers/dns-server.ts'
import { DnsBench } from './dns-bench.ts'

t.test('addresses, looked up again when their time is over', async (t) => {
  const bench = await DnsBench.start(t, {}, (server) =>
    server.set('greeter.test', 'A', 10, '10.0.0.2', '10.0.0.1'),
  )
  t.equal(await bench.heard(), '10.0.0.1:80,10.0.0.2:80')
  bench.server.set('greeter.test', 'A', 4, '10.0.0.3')
  bench.clock.advance(9900)
  t.equal(bench.server.queries.length, 1, 'not before')
  bench.clock.advance(200)
  t.equal(await bench.heard(2), '10.0.0.3:80')
  bench.clock.advance(4100)
  await bench.heard(3)
  t.equal(bench.server.queries.length, 3)
  t.strictSame(
    bench.server.queries.map(({ type }) => type),
    ['A', 'A', 'A'],
    'no AAAA where there is an A',
  )
})

t.test('times are held to the configured bounds', async (t) => {
  const bench = await DnsBench.start(t, { minTtl: 2000, maxTtl: 20_000 }, (server) =>
    server.set('greeter.test', 'A', 0, '10.0.0.1'),
  )
  await bench.heard()
  bench.clock.advance(1900)
  t.equal(bench.server.queries.length, 1)
  bench.server.set('greeter.test', 'A', 86_400, '10.0.0.1')
  bench.clock.advance(200)
  await bench.heard(2)
  bench.clock.advance(20_100)
  await bench.heard(3)
})

t.test('a server that fails: the endpoints stay, tries come less and less often', async (t) => {
  const bench = await DnsBench.start(t, {}, (server) => server.set('greeter.test', 'A', 1, '10.0.0.1'))
  await bench.heard()
  bench.server.behaviour = () => ({ code: 2 })
  bench.clock.advance(1100)
  t.equal(await bench.heard(2), 'failed servfail: SERVFAIL')
  const gaps = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
  for (const [i, gap] of gaps.entries()) {
    const before = bench.server.queries.length
    bench.clock.advance(gap - 20)
    await new Promise((resolve) => setTimeout(resolve, 5))
    t.equal(bench.server.queries.length, before)
    bench.clock.advance(50)
    await bench.heard(3 + i)
  }
  bench.server.behaviour = () => undefined
  bench.clock.advance(30_100)
  t.equal(await bench.heard(3 + gaps.length), '10.0.0.1:80')
})

t.test('a name without addresses: the endpoints stay for a while, then they go', async (t) => {
  const bench = await DnsBench.start(t, { keepEmpty: 10_000 }, (server) =>
    server.set('greeter.test', 'A', 1, '10.0.0.1'),
  )
  await bench.heard()
  bench.server.drop('greeter.test')
  bench.clock.advance(1100)
  t.equal(await bench.heard(2), 'failed empty: no such name (NXDOMAIN)')
  bench.clock.advance(5100)
  await bench.heard(3)
  bench.clock.advance(5000)
  t.equal(await bench.heard(4), 'empty: no such name (NXDOMAIN)')
  bench.server.set('greeter.test', 'A', 60, '10.0.0.9')
  bench.clock.advance(5100)
  t.equal(await bench.heard(5), '10.0.0.9:80')
  t.equal(bench.clock.timers.armed, 1)
})

t.test('a name that comes back in time loses nothing', async (t) => {
  const bench = await DnsBench.start(t, { keepEmpty: 10_000 }, (server) =>
    server.set('greeter.test', 'A', 1, '10.0.0.1'),
  )
  await bench.heard()
  for (let round = 0; round < 4; round++) {
    bench.server.drop('greeter.test')
    bench.clock.advance(1100)
    t.match(await bench.heard(2 + 2 * round), /^failed empty/)
    bench.server.set('greeter.test', 'A', 1, '10.0.0.1')
    bench.clock.advance(5100)
    t.equal(await bench.heard(3 + 2 * round), '10.0.0.1:80')
  }
})

t.test('a name that never was: certain at once; keepEmpty 0 believes it at any time', async (t) => {
  const bench = await DnsBench.start(t, { keepEmpty: 0 })
  t.equal(await bench.heard(), 'empty: no such name (NXDOMAIN)')
  bench.server.set('greeter.test', 'A', 1, '10.0.0.1')
  bench.clock.advance(5100)
  t.equal(await bench.heard(2), '10.0.0.1:80')
  bench.server.set('greeter.test', 'A', 1)
  bench.clock.advance(1100)
  t.equal(await bench.heard(3), 'empty: it has no A record')
})

t.test('a server that is silent, one that is not there, and the next one', async (t) => {
  const bench = await DnsBench.start(t, { servers: 2 }, (server) => {
    server.behaviour = () => null
  })
  const [first, second] = bench.servers
  second?.set('greeter.test', 'A', 1, '10.0.0.1')
  await bench.until(() => first?.queries.length === 1)
  bench.clock.advance(2100)
  t.equal(await bench.heard(), '10.0.0.1:80')
  t.equal(second?.queries.length, 1)
  if (second !== undefined) second.behaviour = () => null
  bench.clock.advance(1100)
  for (let asked = 2; asked <= 3; asked++) {
    await bench.until(() => first?.queries.length === asked)
    bench.clock.advance(2100)
    await bench.until(() => second?.queries.length === asked)
    bench.clock.advance(2100)
  }
  t.match(await bench.heard(2), /^failed timeout: no answer from 127.0.0.1:\d+ within 2000 ms$/)

  const gone = await DnsBench.start(t, { resolvers: [{ host: '127.0.0.1', port: 1 }] })
  t.equal(await gone.heard(), 'failed unreachable: 127.0.0.1:1: no name server is there (ECONNREFUSED)')
})

t.test('an answer that does not fit UDP comes over TCP: a thousand addresses', async (t) => {
  const addresses = Array.from({ length: 1000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`)
  const bench = await DnsBench.start(t, {}, (server) => server.set('greeter.test', 'A', 60, ...addresses))
  await bench.heard()
  t.strictSame(bench.endpoints.map(({ address }) => address.host).sort(), addresses.sort())
  t.strictSame(
    bench.server.queries.map(({ over }) => over),
    ['udp', 'tcp'],
  )
})

t.test('aliases are followed, the shortest time of the chain counts', async (t) => {
  const bench = await DnsBench.start(t, {}, (server) => {
    server.set('greeter.test', 'CNAME', 100, 'b.test')
    server.set('b.test', 'CNAME', 3, 'c.test')
    server.set('c.test', 'A', 200, '10.0.0.1')
  })
  t.equal(await bench.heard(), '10.0.0.1:80')
  bench.clock.advance(3100)
  await bench.heard(2)
  bench.server.set('b.test', 'CNAME', 3, 'greeter.test')
  bench.clock.advance(3100)
  t.match(await bench.heard(3), /^failed loop: more than 8 aliases/)
})

t.test('a server that leaves the end of the chain to us is asked for it', async (t) => {
  const bench = await DnsBench.start(t, {}, (server) => {
    server.behaviour = ({ name }) =>
      name === 'greeter.test' ? { answers: [{ name, type: 'CNAME', ttl: 5, data: 'B.Test' }] } : undefined
    server.set('b.test', 'A', 100, '10.0.0.1')
  })
  t.equal(await bench.heard(), '10.0.0.1:80')
  bench.clock.advance(5100)
  await bench.heard(2)
})

t.test('garbage and forgeries are passed over, the true answer counts', async (t) => {
  const bench = await DnsBench.start(t, {}, (server) => {
    server.behaviour = ({ id, name, type }) => {
      const forged = (change: object) =>
        encode({
          type: 'response',
          id,
          flags: 0x0180,
          questions: [{ name, type: type as 'A', class: 'IN' }],
          answers: [{ name, type: 'A', ttl: 1, data: '6.6.6.6' }],
          ...change,
        })
      const longName = Buffer.concat([forged({}).subarray(0, 12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])])
      return [
        Buffer.alloc(0),
        Buffer.from('garbage'),
        Buffer.alloc(1000, 0xff),
        forged({ id: id ^ 1 }),
        forged({ type: 'query' }),
        forged({ questions: [{ name: 'other.test', type: 'A', class: 'IN' }] }),
        forged({ questions: [{ name, type: 'AAAA', class: 'IN' }] }),
        forged({ questions: [{ name, type: 'A', class: 'CH' }] }),
        forged({ questions: [] }),
        forged({}).subarray(0, 30),
        longName,
        // Records of other names are none of ours.
        forged({
          questions: [{ name: name.toUpperCase(), type: 'A', class: 'IN' }],
          answers: [
            { name: 'evil.test', type: 'A', ttl: 1, data: '6.6.6.6' },
            { name, type: 'AAAA', ttl: 1, data: '::6' },
            { name: name.toUpperCase(), type: 'A', ttl: 60, data: '10.0.0.1' },
          ],
        }),
      ]
    }
  })
  t.equal(await bench.heard(), '10.0.0.1:80')
})

t.test('an answer from elsewhere does not reach us, however right it is', async (t) => {
  const forger = createSocket('udp4')
  t.teardown(() => forger.close())
  const bench = await DnsBench.start(t, {}, (server) => {
    server.set('greeter.test', 'A', 1, '10.0.0.1')
    server.behaviour = ({ id, name, from, over }) => {
      if (over === 'tcp') return undefined
      const questions = [{ name, type: 'A' as const, class: 'IN' as const }]
      const answers = [{ name, type: 'A' as const, ttl: 60, data: '6.6.6.6' }]
      const forged = encode({ type: 'response', id, flags: 0x0180, questions, answers })
      forger.send(forged, from, '127.0.0.1', () => {
        // The true one only now, and over TCP.
        forger.send(encode({ type: 'response', id, flags: 0x0180, questions, answers }), from, '127.0.0.1')
      })
      return [encode({ type: 'response', id, flags: 0x0380, questions })]
    }
  })
  t.equal(await bench.heard(), '10.0.0.1:80')
})

t.test('ids and ports are new each time', async (t) => {
  const bench = await DnsBench.start(t, {}, (server) => server.set('greeter.test', 'A', 1, '10.0.0.1'))
  await bench.heard()
  for (let i = 2; i <= 30; i++) {
    bench.clock.advance(1100)
    await bench.heard(i)
  }
  const { queries } = bench.server
  t.ok(new Set(queries.map(({ id }) => id)).size > 25, 'ids')
  t.ok(new Set(queries.map(({ from }) => from)).size > 20, 'ports')
})

t.test('a server from before EDNS is asked without', async (t) => {
  const bench = await DnsBench.start(t, {}, (server) => {
    server.set('greeter.test', 'A', 60, '10.0.0.1')
    server.behaviour = ({ edns }) => (edns ? { code: 1 } : undefined)
  })
  t.equal(await bench.heard(), '10.0.0.1:80')
  t.strictSame(
    bench.server.queries.map(({ edns }) => edns),
    [true, false],
  )
})

t.test('a server that only points elsewhere gave no answer', async (t) => {
  const bench = await DnsBench.start(t, {}, (server) => {
    server.behaviour = () => ({ authorities: [{ name: 'test', type: 'NS', ttl: 60, data: 'ns.test' }] })
  })
  t.match(await bench.heard(), /^failed lame/)
})

t.test('families', async (t) => {
  const both = (server: { set: DnsBench['server']['set'] }) => {
    server.set('greeter.test', 'A', 60, '10.0.0.1')
    server.set('greeter.test', 'AAAA', 60, '2001:db8::1')
  }
  const expected = {
    ipv4: '10.0.0.1:80',
    ipv6: '[2001:db8::1]:80',
    'prefer-ipv4': '10.0.0.1:80',
    'prefer-ipv6': '[2001:db8::1]:80',
    all: '10.0.0.1:80,[2001:db8::1]:80',
  } as const
  for (const [family, endpoints] of Object.entries(expected)) {
    const bench = await DnsBench.start(t, { family: family as keyof typeof expected }, both)
    t.equal(await bench.heard(), endpoints, family)
  }
  const six = await DnsBench.start(t, {}, (server) => server.set('greeter.test', 'AAAA', 60, '2001:db8::1'))
  t.equal(await six.heard(), '[2001:db8::1]:80', 'IPv6 where there is no IPv4')
  const failing = await DnsBench.start(t, {}, (server) => {
    server.set('greeter.test', 'AAAA', 60, '2001:db8::1')
    server.behaviour = ({ type }) => (type === 'A' ? { code: 2 } : undefined)
  })
  t.match(await failing.heard(), /^failed servfail/, 'but not where that is not known')
})

t.test('half an answer takes nothing away', async (t) => {
  const bench = await DnsBench.start(t, { family: 'all' }, (server) => {
    server.set('greeter.test', 'A', 1, '10.0.0.1')
    server.set('greeter.test', 'AAAA', 1, '2001:db8::1')
  })
  await bench.heard()
  bench.server.behaviour = ({ type }) => (type === 'AAAA' ? { code: 2 } : undefined)
  bench.server.set('greeter.test', 'A', 1, '10.0.0.2')
  bench.clock.advance(1100)
  t.equal(await bench.heard(2), '10.0.0.2:80,[2001:db8::1]:80')
  bench.server.behaviour = () => undefined
  bench.server.set('greeter.test', 'AAAA', 1)
  bench.clock.advance(1100)
  t.equal(await bench.heard(3), '10.0.0.2:80')
})

t.test('the hosts file comes first, and is read again', async (t) => {
  const bench = await DnsBench.start(t, {
    hosts: '# mine\n10.9.9.9 Greeter.Test other # here\n10.9.9.8 greeter.test\n::9 greeter.test\n',
  })
  t.equal(await bench.heard(), '10.9.9.8:80,10.9.9.9:80')
  t.equal(bench.server.queries.length, 0)
  const local = await DnsBench.start(t, { name: 'localhost', family: 'all' })
  t.equal(await local.heard(), '127.0.0.1:80,[::1]:80')
})

t.test('search domains, as the C library goes through them', async (t) => {
  const conf = 'search default.svc.test svc.test test\noptions ndots:5\n'
  const bench = await DnsBench.start(t, { name: 'greeter', resolvConf: conf }, (server) =>
    server.set('greeter.svc.test', 'A', 1, '10.0.0.1'),
  )
  t.equal(await bench.heard(), '10.0.0.1:80')
  const names = () => bench.server.queries.map(({ name, type }) => `${name} ${type}`)
  t.strictSame(names(), ['greeter.default.svc.test A', 'greeter.default.svc.test AAAA', 'greeter.svc.test A'])
  bench.clock.advance(1100)
  await bench.heard(2)
  t.equal(names().length, 4, 'what it stands for is known now')
  bench.server.behaviour = ({ name }) => (name === 'greeter.svc.test' ? { code: 2 } : undefined)
  bench.server.set('greeter.test', 'A', 1, '6.6.6.6')
  bench.clock.advance(1100)
  t.match(await bench.heard(3), /^failed servfail/, 'a failure does not lead to a host of a like name')

  const complete = await DnsBench.start(t, { name: 'greeter.', resolvConf: conf })
  t.match(await complete.heard(), /^empty/)
  t.strictSame(
    complete.server.queries.map(({ name }) => name),
    ['greeter', 'greeter'],
  )
})

t.test('services: priorities and weights, hosts looked up where they do not come along', async (t) => {
  const srv = (target: string, priority: number, weight: number, port = 9000) => ({
    target,
    port,
    priority,
    weight,
  })
  const bench = await DnsBench.start(t, { name: '_grpc._tcp.test', port: null }, (server) => {
    server.behaviour = ({ name, type }) =>
      type !== 'SRV'
        ? undefined
        : {
            answers: [
              srv('a.test', 10, 60),
              srv('B.test', 10, 20),
              srv('c.test', 20, 0),
              srv('gone.test', 20, 5),
            ].map((data) => ({
              name,
              type: 'SRV' as const,
              ttl: 50,
              data,
            })),
            additionals: [{ name: 'a.test', type: 'A', ttl: 20, data: '10.0.0.1' }],
          }
    server.set('b.test', 'A', 7, '10.0.0.2')
    server.set('c.test', 'A', 90, '10.0.0.3')
  })
  await bench.heard()
  t.strictSame(
    bench.endpoints.map(({ address, priority, weight }) => [address.text, priority, weight]),
    [
      ['10.0.0.1:9000', 10, 60],
      ['10.0.0.2:9000', 10, 20],
      ['10.0.0.3:9000', 20, 1],
    ],
  )
  t.notOk(bench.server.queries.some(({ name }) => name === 'a.test'))
  bench.server.set('b.test', 'A', 7, '10.0.0.2', '10.0.0.4')
  bench.clock.advance(7100)
  await bench.heard(2)
  t.strictSame(
    bench.endpoints.map(({ address, weight }) => [address.host, weight]),
    [
      ['10.0.0.1', 6000],
      ['10.0.0.2', 1000],
      ['10.0.0.3', 1],
      ['10.0.0.4', 1000],
    ],
    'the weight of a host is shared out among its addresses',
  )
})

t.test('a service that is not offered, and one whose hosts cannot be found out', async (t) => {
  const none = await DnsBench.start(t, { name: '_x._tcp.test', port: null }, (server) =>
    server.set('_x._tcp.test', 'SRV', 5, { target: '.', port: 0, priority: 0, weight: 0 }),
  )
  t.equal(await none.heard(), 'empty: the service is not offered')
  const failing = await DnsBench.start(t, { name: '_x._tcp.test', port: null }, (server) => {
    server.set('_x._tcp.test', 'SRV', 5, { target: 'a.test', port: 1, priority: 0, weight: 0 })
    server.behaviour = ({ type }) => (type === 'SRV' ? undefined : { code: 5 })
  })
  t.equal(await failing.heard(), 'failed refused: REFUSED')
})

t.test('three hundred hosts of a service', async (t) => {
  const bench = await DnsBench.start(t, { name: '_x._tcp.test', port: null }, (server) => {
    const targets = Array.from({ length: 300 }, (_, i) => `h${i}.test`)
    server.set(
      '_x._tcp.test',
      'SRV',
      50,
      ...targets.map((target) => ({ target, port: 1, priority: 0, weight: 1 })),
    )
    for (const [i, target] of targets.entries()) server.set(target, 'A', 60, `10.2.${i >> 8}.${i & 255}`)
  })
  await bench.heard()
  t.equal(bench.endpoints.length, 300)
})

t.test('doubt: looked up again early, but not again and again', async (t) => {
  const bench = await DnsBench.start(t, {}, (server) => server.set('greeter.test', 'A', 300, '10.0.0.1'))
  await bench.heard()
  for (let i = 0; i < 100; i++) bench.source.doubt()
  bench.clock.advance(1900)
  t.equal(bench.server.queries.length, 1)
  bench.server.set('greeter.test', 'A', 300, '10.0.0.2')
  bench.clock.advance(300)
  t.equal(await bench.heard(2), '10.0.0.2:80')
  bench.clock.advance(60_000)
  bench.source.doubt()
  bench.clock.advance(20)
  await bench.heard(3)
})

t.test('nothing is left when it stops, whatever is under way', async (t) => {
  const bench = await DnsBench.start(t, {}, (server) => {
    server.behaviour = () => null
  })
  await bench.until(() => bench.server.queries.length === 1)
  t.ok(bench.clock.timers.armed > 0)
  bench.source.stop()
  t.equal(bench.clock.timers.armed, 0)
  bench.clock.advance(60_000)
  t.strictSame(bench.said, [])
  t.equal(bench.server.queries.length, 1)
})

t.test('how long nothing is remembered is bounded', async (t) => {
  const bench = await DnsBench.start(t, {}, (server) => {
    server.behaviour = () => ({ code: 3, authorities: [soa(3600)] })
  })
  t.match(await bench.heard(), /^empty/)
  bench.clock.advance(5100)
  await bench.heard(2)
})
