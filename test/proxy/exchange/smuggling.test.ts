// What one side sends in order to be taken for something else on the other side of the proxy.
import t from 'tap'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { PAIRS, ProxyBench, type ProxyBenchOptions, settle, text } from '../../support/proxy-bench.ts'

const OK = Head.response(200, Fields.of({ 'content-length': '0' }))

async function bench(
  from: 'http1' | 'h2',
  to: 'http1' | 'h2',
  options: ProxyBenchOptions & { raw?: boolean } = {},
): Promise<ProxyBench> {
  const made = new ProxyBench(from, to, options)
  t.teardown(() => made.close())
  made.onRequest = ({ stream }) => stream.head(OK, null, true)
  return options.raw === true ? made.startRaw() : made.start()
}

t.test('what Connection nominates is removed before ours is added', async (t) => {
  for (const to of ['http1', 'h2'] as const) {
    for (const inbound of [true, false]) {
      const { callerSocket, accepted } = await bench('http1', to, { raw: true, inbound })
      callerSocket.write(
        'POST / HTTP/1.1\r\nHost: a.test\r\n' +
          'Connection: keep-alive, X-Forwarded-For, x-forwarded-proto, X-Request-Id, x-secret, Host, Content-Length\r\n' +
          'Connection: x-forwarded-client-cert, :authority, transfer-encoding\r\n' +
          'X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Request-Id: mine\r\nX-Secret: s\r\n' +
          'X-Forwarded-Client-Cert: URI=spiffe://evil\r\nContent-Length: 5\r\n\r\nhello',
      )
      await settle()
      const [seen] = accepted
      t.equal(seen?.body, 'hello', 'framing cannot be nominated away')
      t.equal(seen?.request.authority, 'a.test', 'nor the host')
      const fields = seen?.request.fields ?? Fields.of({})
      t.equal(fields.joined('x-forwarded-for'), '10.9.9.9')
      t.equal(fields.joined('x-forwarded-proto'), 'http')
      t.match(fields.joined('x-request-id'), /^[0-9a-f-]{36}$/)
      t.equal(fields.has('x-secret'), false)
      t.equal(fields.has('x-forwarded-client-cert'), false)
    }
  }
})

t.test('an upgrade to h2c is stripped, with its settings', async (t) => {
  for (const to of ['http1', 'h2'] as const) {
    for (const upgrade of ['h2c', 'H2C', 'TLS/1.0', 'HTTP/2.0']) {
      const proxy = await bench('http1', to, { raw: true })
      proxy.callerSocket.write(
        `GET /admin HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${upgrade}\r\n` +
          'HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
      )
      await settle()
      const names = proxy.accepted[0]?.request.fields.names ?? []
      for (const name of ['upgrade', 'http2-settings', 'connection']) t.notOk(names.includes(name), name)
      t.match(proxy.received, /^HTTP\/1\.1 200 /, 'an ordinary answer')
      t.notMatch(proxy.received, /101|upgrade/i)
      if (to === 'http1') t.notMatch(proxy.endpointReceived, /upgrade|http2-settings/i)
    }
  }
})

/** A first request whose end is read differently by different parsers, and what hides in it. */
const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n'
const AMBIGUOUS: Record<string, string> = {
  'CL.TE': `Content-Length: ${HIDDEN.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'TE.CL': `Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n2c\r\n${HIDDEN}\r\n0\r\n\r\n`,
  'TE.TE': `Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'CL.CL': `Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  'CL in a list': `Content-Length: 0, ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  'CL with a sign': `Content-Length: +${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  'TE obfuscated by a tab': `Transfer-Encoding:\x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'TE behind a space': `Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'TE folded': `X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'TE behind a bare LF': `X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'TE behind a bare CR': `X: y\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'a chunk that ends in LF': `Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n${HIDDEN}`,
  'a chunk extension with LF': `Transfer-Encoding: chunked\r\n\r\n1;a\nx\r\n0\r\n\r\n${HIDDEN}`,
  'an empty chunk line': `Transfer-Encoding: chunked\r\n\r\n0\r\n\n${HIDDEN}`,
}

t.test(
  'an ambiguous end of a request: refused, closed, and what hides behind it is never served',
  async (t) => {
    for (const to of ['http1', 'h2'] as const) {
      for (const [name, rest] of Object.entries(AMBIGUOUS)) {
        const proxy = await bench('http1', to, { raw: true })
        proxy.onRequest = () => {}
        proxy.callerSocket.write(`POST / HTTP/1.1\r\nHost: a.test\r\n${rest}`)
        await settle()
        t.match(proxy.received, /^HTTP\/1\.1 400 /, name)
        t.equal(proxy.received.match(/HTTP\/1\.1/g)?.length, 1, 'one answer')
        t.notOk(proxy.accepted.some(({ request }) => request.path === '/hidden'))
        t.notOk(
          proxy.accepted.some(({ events }) => events.includes('end')),
          'no request looks complete',
        )
        if (to === 'http1') t.notMatch(proxy.endpointReceived, /hidden/)
      }
    }
  },
)

t.test('what HTTP/2 can carry and HTTP/1.1 must not: no endpoint hears of it', async (t) => {
  const evil: [string, Head][] = [
    [
      'a path with a request in it',
      Head.request('GET', 'http', 'a', `/ HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`),
    ],
    ['a path with a space', Head.request('GET', 'http', 'a', '/a b')],
    ['a path with a NUL', Head.request('GET', 'http', 'a', '/a\0')],
    ['a method with a request in it', Head.request(`GET / HTTP/1.1\r\n\r\n${HIDDEN}`, 'http', 'a', '/')],
    ['an authority with a field in it', Head.request('GET', 'http', 'a\r\nx: y', '/')],
    ['a value with a field in it', Head.request('GET', 'http', 'a', '/', Fields.of({ x: 'y\r\nz: w' }))],
    ['a value with a LF', Head.request('GET', 'http', 'a', '/', Fields.of({ x: 'y\nz: w' }))],
    ['a value with a CR', Head.request('GET', 'http', 'a', '/', Fields.of({ x: 'y\rz' }))],
    ['a value with a NUL', Head.request('GET', 'http', 'a', '/', Fields.of({ x: 'y\0' }))],
    ['a name with a colon', Head.request('GET', 'http', 'a', '/', Fields.of({ 'x: y\r\nz': 'w' }))],
    ['a name with a space', Head.request('GET', 'http', 'a', '/', Fields.of({ 'x ': 'w' }))],
    [
      'Transfer-Encoding',
      Head.request('POST', 'http', 'a', '/', Fields.of({ 'transfer-encoding': 'chunked' })),
    ],
    [
      'two lengths',
      Head.request('POST', 'http', 'a', '/', new Fields(['content-length', 'content-length'], ['0', '5'])),
    ],
    ['a length in a list', Head.request('POST', 'http', 'a', '/', Fields.of({ 'content-length': '0, 5' }))],
  ]
  for (const to of ['http1', 'h2'] as const) {
    for (const [name, head] of evil) {
      const proxy = await bench('h2', to)
      const { response } = await proxy.request(head)
      t.ok(response.reason !== null || response.head_?.status === 400, `${name}: ${response.events}`)
      t.strictSame(proxy.accepted, [], name)
      if (to === 'http1') t.equal(proxy.endpointReceived, '', name)
      const next = await proxy.request(Head.request('GET', 'http', 'a', '/next'))
      t.equal(next.response.head_?.status, 200, 'the connection goes on')
    }
  }
})

t.test('a response of HTTP/2 that would split one of HTTP/1.1', async (t) => {
  for (const fields of [
    Fields.of({ x: 'y\r\nset-cookie: evil=1' }),
    Fields.of({ x: 'y\nset-cookie: evil=1' }),
    Fields.of({ x: 'y\rset-cookie: evil=1' }),
    Fields.of({ x: 'y\0set-cookie: evil=1' }),
    Fields.of({ 'x: y\r\nset-cookie': 'evil=1' }),
    Fields.of({ 'x y': 'set-cookie: evil=1' }),
    Fields.of({ x: 'y\r\n\r\nHTTP/1.1 200 OK\r\nset-cookie: evil=1\r\n\r\n' }),
  ]) {
    const proxy = await bench('http1', 'h2', { raw: true })
    proxy.onRequest = ({ stream }) => stream.head(Head.response(200, fields), null, true)
    proxy.callerSocket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')
    await settle()
    t.match(proxy.received, /^HTTP\/1\.1 502 [^\r]+\r\n/, JSON.stringify(fields.values))
    t.notMatch(proxy.received, /evil/)
    t.equal(proxy.received.match(/HTTP\/1\.1/g)?.length, 1, 'one answer')
  }

  const proxy = await bench('http1', 'h2', { raw: true })
  proxy.onRequest = ({ stream }) => {
    stream.head(Head.response(200), null, false)
    text(stream, 'hello', false)
    stream.trailers(Fields.of({ 'x-sum': '1\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil' }))
  }
  proxy.callerSocket.write('GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\n\r\n')
  await settle()
  t.notMatch(proxy.received, /evil/, 'in trailers')
  t.notMatch(proxy.received, /0\r\n\r\n$/, 'and the response does not look complete')
})

t.test('a malformed response: 502 over both protocols, its connection is not used again', async (t) => {
  const OK_LINE = 'HTTP/1.1 200 OK\r\n'
  for (const from of ['http1', 'h2'] as const) {
    for (const answer of [
      'nonsense\r\n\r\n',
      'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
      `${OK_LINE}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`,
      `${OK_LINE}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `${OK_LINE}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
      `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `${OK_LINE}X : y\r\nContent-Length: 0\r\n\r\n`,
      `${OK_LINE}X: y\r\n z\r\nContent-Length: 0\r\n\r\n`,
      `${OK_LINE}X: y\0\r\nContent-Length: 0\r\n\r\n`,
      `${OK_LINE}${'X: y\r\n'.repeat(201)}\r\n`,
      `${OK_LINE}X: ${'y'.repeat(70_000)}\r\n\r\n`,
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
      'HTTP/1.1 102 x\r\n\r\n'.repeat(33),
    ]) {
      const proxy = await bench(from, 'http1', { rawEndpoint: true })
      const first = await proxy.request(Head.request('GET', 'http', 'a', '/1'))
      proxy.endpointSockets[0]?.write(answer)
      await settle()
      t.equal(first.response.head_?.status, 502, JSON.stringify(answer.slice(0, 60)))
      t.equal(first.response.head_?.fields.get('x-pillion-reason'), 'upstream-protocol')
      t.match(first.response.body, /^the endpoint broke the protocol: .+\n$/)
      const second = await proxy.request(Head.request('GET', 'http', 'a', '/2'))
      t.equal(proxy.endpointSockets.length, 2, 'the next request has a connection of its own')
      proxy.endpointSockets[1]?.write(`${OK_LINE}Content-Length: 2\r\n\r\nok`)
      await settle()
      t.equal(second.response.body, 'ok')
    }
  }
})

t.test('a second response behind the first answers nobody', async (t) => {
  const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
  for (const from of ['http1', 'h2'] as const) {
    for (const [method, first] of [
      ['GET', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood'],
      ['GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n'],
      ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood'],
      ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
      ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n'],
    ] as const) {
      for (const late of [false, true]) {
        const proxy = await bench(from, 'http1', { rawEndpoint: true })
        const one = await proxy.request(Head.request(method, 'http', 'a', '/1'))
        proxy.endpointSockets[0]?.write(late ? first : first + poison)
        await settle()
        if (late) proxy.endpointSockets[0]?.write(poison)
        await settle()
        const two = await proxy.request(Head.request('GET', 'http', 'a', '/2'))
        proxy.endpointSockets[1]?.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo')
        await settle()
        t.match(one.response.head_?.status, /^(200|204|304)$/)
        t.notMatch(one.response.body, 'evil')
        t.equal(two.response.body, 'two', `${method}, ${late ? 'late' : 'at once'}`)
      }
    }
  }
})

t.test('a response cut within its body never looks complete', async (t) => {
  for (const from of ['http1', 'h2'] as const) {
    for (const [start, end] of [
      ['Content-Length: 10\r\n\r\nhello', 'close'],
      ['Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', 'close'],
      ['Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', '5 \r\nhello\r\n0\r\n\r\n'],
      ['Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', '0\r\nX : y\r\n\r\n'],
      ['\r\nhello', 'reset'],
    ] as const) {
      const proxy = await bench(from, 'http1', { rawEndpoint: true })
      const { response } = await proxy.request(Head.request('GET', 'http', 'a', '/'))
      const [socket] = proxy.endpointSockets
      socket?.write(`HTTP/1.1 200 OK\r\n${start}`)
      await settle()
      t.equal(response.body, 'hello')
      if (end === 'close') socket?.destroy()
      else if (end === 'reset') socket?.resetAndDestroy()
      else socket?.write(end)
      await settle()
      t.notOk(
        response.events.includes('end') || response.events.includes('trailers'),
        `${from} ${start} ${end}`,
      )
      t.ok(response.reason !== null)
    }
  }
})

t.test('each pair writes one framing and one host, whatever came', async (t) => {
  for (const [from, to] of PAIRS) {
    if (to !== 'http1') continue
    const proxy = await bench(from, to)
    proxy.onRequest = (accepted) => {
      accepted.onEnd = () => accepted.stream.head(OK, null, true)
    }
    for (const fields of [{ 'content-length': '5' }, {}] as Record<string, string>[]) {
      proxy.endpointReceived = ''
      const head = Head.request('POST', 'http', 'a.test', '/', Fields.of(fields))
      const { stream } = await proxy.request(head, false)
      text(stream, 'hello', true)
      await settle()
      t.equal(proxy.endpointReceived.match(/^(content-length|transfer-encoding):/gim)?.length, 1)
      t.equal(proxy.endpointReceived.match(/^host:/gim)?.length, 1)
    }
  }
})
