import t from 'tap'
import { parseSpiffeId } from '../../../certs/spiffe-id.ts'
import type { Protocol } from '../../../proxy/message/session.ts'
import type { BenchOptions } from './exchange-bench.ts'
import { fieldOf, WiredBench } from './wired-bench.ts'

// What a request is named and who sent it, from bytes to bytes.
const WEB = parseSpiffeId('spiffe://mesh.local/ns/default/sa/web')
const PAIRS: readonly (readonly [Protocol, Protocol])[] = [
  ['http1', 'http1'],
  ['http1', 'h2'],
  ['h2', 'http1'],
  ['h2', 'h2'],
]
const RULES: BenchOptions = {
  via: 'pillion',
  authorize: [
    { action: 'deny', principals: null, methods: null, paths: ['/admin', '/admin/*'] },
    { action: 'allow', principals: null, methods: null, paths: ['/*'] },
  ],
}

for (const [from, to] of PAIRS) {
  t.test(`${from} to ${to}: what is authorized is what is forwarded`, async (t) => {
    const bench = new WiredBench(from, to, RULES)
    for (const [path, form] of [
      ['/a/b?c=d', '/a/b?c=d'],
      ['/admin/../public?/../admin', '/public?/../admin'],
      ['/%70ublic//x/%2e/%c3%a4', '/public/x/%C3%A4'],
      ['/public;x=y', '/public;x=y'],
    ] as const) {
      const { upstream, answer } = await bench.ask({ path })
      t.match(upstream, { method: 'POST', path: form, authority: 'a.test' }, path)
      t.equal(answer.status, 200)
      t.match(bench.exchange.records.at(-1), { path: form, code: 200 })
    }
    for (const [path, status] of [
      ['/public/%2e%2e/admin', 403],
      ['//admin', 403],
      ['/admin/.', 403],
      ['/%61dmin', 403],
      ['/admin;x', 403],
      ['/public/..%2fadmin', 400],
      ['/public/..;/admin', 400],
      ['/public/..\\admin', 400],
      ['/../admin', 400],
      ['/admin%00', 400],
      ['/%', 400],
    ] as const) {
      const { upstream, answer } = await bench.ask({ path })
      t.equal(upstream, null, `${path} reaches nobody`)
      t.equal(answer.status, status, path)
      t.match(answer.text, status === 403 ? /denied/ : /bad-request/)
    }
    t.match(
      await bench.ask({ path: '/next' }),
      { upstream: { path: '/next' }, answer: { status: 200 } },
      'it goes on',
    )
  })

  t.test(`${from} to ${to}: OPTIONS *`, async (t) => {
    const bench = new WiredBench(from, to)
    t.match(await bench.ask({ method: 'OPTIONS', path: '*' }), { upstream: { method: 'OPTIONS', path: '*' } })
  })

  t.test(`${from} to ${to}: authorities are compared in one form and forwarded as they came`, async (t) => {
    const bench = new WiredBench(from, to, {
      hosts: ['shop.test:80', '[::1]'],
      match: { authority: 'shop.test' },
    })
    for (const authority of [
      'shop.test',
      'SHOP.Test',
      'shop.test.',
      'shop.test:80',
      'shop.test.:80',
      'shop.test:',
    ])
      t.match(await bench.ask({ authority }), { upstream: { authority }, answer: { status: 200 } }, authority)
    for (const [authority, status] of [
      ['[::1]:8080', 404],
      ['shop.test:8080', 421],
      ['other.test', 421],
      ['', 421],
    ] as const) {
      const { upstream, answer } = await bench.ask({ authority })
      t.equal(upstream, null, authority)
      t.equal(answer.status, status, authority)
    }
    const anything = new WiredBench(from, to)
    t.match(await anything.ask({ authority: '' }), { upstream: { authority: '' }, answer: { status: 200 } })
  })

  t.test(`${from} to ${to}: hops`, async (t) => {
    const version = from === 'h2' ? '2.0' : '1.1'
    const said = [
      ['x-forwarded-for', '1.1.1.1'],
      ['x-forwarded-for', 'evil.test, 2.2.2.2'],
      ['x-forwarded-proto', 'https'],
      ['x-forwarded-host', 'shop.example'],
      ['x-forwarded-client-cert', 'URI=spiffe://mesh.local/admin'],
      ['x-pillion-reason', 'made-up'],
      ['via', '1.0 fred'],
    ] as const
    const believing = new WiredBench(from, to, { via: 'pillion' })
    const believed = (await believing.ask({ fields: said })).upstream?.fields ?? []
    t.strictSame(
      believed.filter(([name]) => name !== 'x-request-id'),
      [
        ['x-forwarded-for', '1.1.1.1, unknown, 2.2.2.2, 127.0.0.1'],
        ['x-forwarded-proto', 'https'],
        ['x-forwarded-host', 'shop.example'],
        ['via', `1.0 fred, ${version} pillion`],
      ],
    )
    const doubting = new WiredBench(from, to, {
      inbound: true,
      via: 'pillion',
      forwarded: { trustedHops: 1, write: 'both' },
    })
    const doubted = (await doubting.ask({ fields: said })).upstream?.fields ?? []
    t.strictSame(
      doubted.filter(([name]) => name !== 'x-request-id'),
      [
        ['x-forwarded-for', '2.2.2.2, 127.0.0.1'],
        ['x-forwarded-proto', 'https'],
        ['x-forwarded-host', 'shop.example'],
        ['forwarded', 'for=2.2.2.2;host="shop.example";proto=https, for=127.0.0.1;proto=http'],
        ['via', `1.0 fred, ${version} pillion`],
      ],
    )
  })

  t.test(`${from} to ${to}: neither trailers nor Connection forge or remove what we say`, async (t) => {
    const names = [
      'x-forwarded-for',
      'x-forwarded-proto',
      'x-forwarded-host',
      'x-forwarded-client-cert',
      'x_forwarded_client_cert',
      'forwarded',
      'via',
      'x-request-id',
      'x-real-ip',
      'x-pillion-reason',
      'host',
    ]
    const bench = new WiredBench(from, to, {
      inbound: true,
      via: 'pillion',
      caller: { principal: WEB },
      forwarded: { trust: 'never', write: 'both' },
    })
    const nominated = from === 'h2' ? [] : [['connection', names.join(', ')] as const]
    const trailers = [...names.map((name) => [name, 'forged'] as const), ['x-sum', '1'] as const]
    const { upstream } = await bench.ask({ fields: nominated, trailers })
    t.strictSame(upstream?.trailers, [['x-sum', '1']])
    const fields = upstream?.fields ?? []
    t.equal(upstream?.authority, 'a.test')
    t.equal(fieldOf(fields, 'x-forwarded-for'), '127.0.0.1')
    t.equal(fieldOf(fields, 'x-forwarded-proto'), 'http')
    t.equal(fieldOf(fields, 'forwarded'), 'for=127.0.0.1;proto=http')
    t.equal(fieldOf(fields, 'x-forwarded-client-cert'), `URI=${WEB}`)
    t.match(fieldOf(fields, 'via'), / pillion$/)
    t.match(fieldOf(fields, 'x-request-id'), /^[0-9a-f-]{36}$/)
    t.notMatch(JSON.stringify(upstream), /forged/)
  })
}

t.test('a caller over HTTP/1.1 that names its own fields in Connection loses them', async (t) => {
  const bench = new WiredBench('http1', 'http1', { via: 'pillion' })
  const fields = [
    ['x-forwarded-for', '1.1.1.1'],
    ['via', '1.0 fred'],
    ['connection', 'X-Forwarded-For, Via'],
  ] as const
  const { upstream } = await bench.ask({ fields })
  t.equal(fieldOf(upstream?.fields ?? [], 'x-forwarded-for'), '127.0.0.1')
  t.equal(fieldOf(upstream?.fields ?? [], 'via'), '1.1 pillion')
})
