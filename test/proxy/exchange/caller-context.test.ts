import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head, TUNNEL_CONNECT } from '../../../proxy/message/head.ts'
import { type BenchOptions, ExchangeBench } from './exchange-bench.ts'

const GRPC = Fields.of({ 'content-type': 'application/grpc' })
const KEEP = { keepEscapedSlashes: true, mergeSlashes: true }

function rule(action: 'allow' | 'deny', ...paths: string[]) {
  return { action, principals: null, methods: null, paths }
}

interface Outcome {
  /** Path and query that went upstream, null when none did. */
  readonly upstream: string | null
  readonly status: number
  readonly reason: string
  readonly text: string
  /** Path of the access record. */
  readonly logged: string
}

function ask(path: string, options: BenchOptions = {}, grpc = false, authority = 'a.test'): Outcome {
  const bench = new ExchangeBench({ endpoints: 1, ...options })
  const fields = grpc ? GRPC : Fields.of({})
  const down = bench.request(Head.request(grpc ? 'POST' : 'GET', 'http', authority, path, fields))
  const [up] = bench.upstream
  up?.receiver?.head(Head.response(200), null, true)
  const head = down.heads[0]
  return {
    upstream: up?.heads[0]?.path ?? null,
    status: Number(head?.fields.get('grpc-status') ?? head?.status),
    reason: head?.fields.get('x-pillion-reason') ?? '',
    text: head?.fields.get('grpc-message') ?? down.body,
    logged: bench.records[0]?.path ?? '',
  }
}

t.test('one form of the path is matched, authorized, forwarded and logged', async (t) => {
  const authorize = [rule('deny', '/admin', '/admin/*'), rule('allow', '/*')]
  for (const path of [
    '/admin',
    '/%61dmin',
    '//admin',
    '/admin/.',
    '/./admin/',
    '/public/%2e%2e/admin',
    '/public/../admin/x?y',
    '/a;x/../admin',
    '/admin;x',
    '/;x/admin',
  ]) {
    t.match(ask(path, { authorize }), { upstream: null, status: 403, reason: 'denied' }, path)
  }
  const prefix = '/api'
  for (const [path, form] of [
    ['/api/x', '/api/x'],
    ['/%61pi/%7ex?%7e=/../', '/api/~x?%7e=/../'],
    ['/other/../api//x/./', '/api/x/'],
  ] as const) {
    t.match(ask(path, { authorize, match: { prefix } }), { upstream: form, status: 200, logged: form }, path)
  }
  t.match(ask('/api/../other', { match: { prefix } }), { upstream: null, status: 404, reason: 'no-route' })
})

t.test('what can be read in two ways is refused, whether there are rules or not', async (t) => {
  for (const [path, why] of [
    ['/a%2fb', 'an escaped slash \\(%2F\\) in the path, which paths.escapedSlashes of the listener refuses'],
    ['/a%5cb', 'an escaped backslash'],
    ['/a\\b', 'a backslash'],
    ['/a%00', 'an escaped control character'],
    ['/a%zz', '% without two hexadecimal digits'],
    ['/..', 'the path climbs above its root'],
    ['/a/..;/b', 'a dot segment with a parameter'],
    ['/a#b', '# in the path'],
    ['/\xe4', 'an octet beyond ASCII'],
  ] as const) {
    const refused = ask(path)
    t.match(refused, { upstream: null, status: 400, reason: 'bad-request', logged: path }, path)
    t.match(refused.text, new RegExp(`^the request is malformed: .*${why}`))
  }
})

t.test('gRPC calls get their status', async (t) => {
  const match = { grpc: { service: 'a.B', method: 'C' } }
  t.match(ask('/a.B/C', { match }, true), { upstream: '/a.B/C', status: 200 })
  t.match(ask('/a.B/./%43', { match }, true), { upstream: '/a.B/C', status: 200 })
  t.match(ask('/a.B%2FC', { match }, true), {
    upstream: null,
    status: 13,
    reason: 'bad-request',
    text: /escaped slash/,
  })
  const authorize = [rule('allow', '/a.B/*')]
  t.match(ask('/x/../a.B/C', { match, authorize }, true), { upstream: '/a.B/C' })
  t.match(ask('/a.B/../x/C', { match, authorize }, true), { upstream: null, status: 7 })
})

t.test('escaped slashes that are kept: one form, and rules hold for both readings', async (t) => {
  const options = {
    paths: KEEP,
    authorize: [rule('deny', '/projects/a/secret'), rule('allow', '/projects/*')],
  }
  t.match(ask('/projects/a%2fb', options), {
    upstream: '/projects/a%2Fb',
    status: 200,
    logged: '/projects/a%2Fb',
  })
  t.match(ask('/projects/a%2Fsecret', options), { upstream: null, status: 403 })
  t.match(ask('/projects%2Fa%2Fsecret', options), { upstream: null, status: 403 })
  t.match(ask('/public/..%2Fprojects/a', options), { upstream: null, status: 400 })
  t.match(
    ask('/projects%2Fa', options),
    { upstream: null, status: 403 },
    'to those who keep it apart it is no project',
  )
})

t.test('slashes that are not merged: rules hold for both readings', async (t) => {
  const options = {
    paths: { keepEscapedSlashes: false, mergeSlashes: false },
    authorize: [rule('deny', '/admin/*'), rule('allow', '/*')],
  }
  t.match(ask('/a//b', options), { upstream: '/a//b', status: 200 })
  t.match(ask('//admin//x', options), { upstream: null, status: 403 })
})

t.test('hosts that the listener does not answer for', async (t) => {
  const options = { hosts: ['a.test'], authorize: [rule('deny', '/*')] }
  t.match(ask('/', options), { status: 403 }, 'its own are judged by the rules')
  t.match(ask('/', options, false, 'b.test'), {
    upstream: null,
    status: 421,
    reason: 'misdirected-request',
    text: 'the request is for a host that this listener does not answer for: it is for b.test\n',
  })
  t.match(ask('/', options, false, ''), { upstream: null, status: 421, text: /it names no host/ })
  t.match(ask('/a.B/C', options, true, 'b.test'), {
    upstream: null,
    status: 12,
    reason: 'misdirected-request',
  })
  const named = { matchServerName: true, caller: { tls: true, serverName: 'a.test' } }
  t.match(ask('/', named), { upstream: '/', status: 200 })
  t.match(ask('/', named, false, 'b.test'), {
    upstream: null,
    status: 421,
    text: /a connection that asked for a\.test/,
  })
})

t.test('a request that goes in circles is stopped, one that has come far is not', async (t) => {
  for (const [passes, status] of [
    [31, 200],
    [32, 508],
  ] as const) {
    const bench = new ExchangeBench({ endpoints: 1, via: 'pillion' })
    const via = Fields.of({ via: Array(passes).fill('2.0 pillion').join(', ') })
    const down = bench.request(Head.request('GET', 'http', 'a.test', '/', via))
    bench.upstream[0]?.receiver?.head(Head.response(200), null, true)
    t.equal(down.heads[0]?.status, status)
    t.equal(down.heads[0]?.fields.get('x-pillion-reason'), status === 508 ? 'loop-detected' : null)
    t.equal(down.heads[0]?.fields.has('via'), false, 'nothing is added to the response')
    t.equal(
      bench.upstream[0]?.heads[0]?.fields.get('via')?.split(',').length,
      status === 200 ? 32 : undefined,
    )
  }
})

t.test('a head in its form already is judged as it is, any other once', async (t) => {
  const bench = new ExchangeBench({ endpoints: 1 })
  for (const path of ['/a', '/%61']) {
    const head = Head.request('GET', 'http', 'a.test', path)
    bench.request(head)
    bench.request(head)
    const [first, second] = bench.upstream.splice(-2)
    t.equal(first?.heads[0]?.path, '/a')
    t.equal(first?.heads[0], second?.heads[0])
  }
})

t.test('tunnels: the same path, the same rules, the same hosts', async (t) => {
  const ask = (kind: string, path: string, options: BenchOptions, authority = 'a.test:443') => {
    const bench = new ExchangeBench({ endpoints: 1, tunnels: ['websocket', TUNNEL_CONNECT], ...options })
    const down = bench.request(Head.tunnel(kind, 'http', authority, path), false)
    const [up] = bench.upstream
    return { upstream: up?.heads[0] ?? null, status: down.heads[0]?.status }
  }
  const authorize = [rule('deny', '/admin'), rule('allow', '/*')]
  t.match(ask('websocket', '/chat/%2e%2e/%63hat//x', { authorize }), {
    upstream: { path: '/chat/x', tunnel: 'websocket' },
  })
  t.match(ask('websocket', '/chat/../admin', { authorize }), { upstream: null, status: 403 })
  t.match(ask('websocket', '/chat%2f..%2fadmin', { authorize }), { upstream: null, status: 400 })
  t.match(ask(TUNNEL_CONNECT, '', {}), { upstream: { path: '', authority: 'a.test:443' } })
  t.match(
    ask(TUNNEL_CONNECT, '', { authorize }),
    { upstream: null, status: 403 },
    'no path is none that a rule allows',
  )
  const named = { matchServerName: true, caller: { tls: true, serverName: 'proxy.test' } }
  t.match(ask(TUNNEL_CONNECT, '', named), { upstream: { authority: 'a.test:443' } }, 'it names no server')
  t.match(ask('websocket', '/', named), { upstream: null, status: 421 })
  t.match(ask(TUNNEL_CONNECT, '', { hosts: ['b.test'] }), { upstream: null, status: 421 })
})
