import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { type Frame, GET, headers, raw, rstStream, settings, windowUpdate } from '../support/frames.ts'
import { createMesh } from '../support/mesh-folder.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import { RawConnection } from '../support/raw-connection.ts'
import { type Sidecar, STACK_LINE, startSidecar } from '../support/sidecar.ts'

const app = await startHttp1()
t.teardown(() => app.close())

async function startEdge(
  t: Test,
  more = '',
  upstream = `127.0.0.1:${app.port}`,
  protocol = 'http1',
): Promise<Sidecar> {
  return startSidecar(t, {
    mesh: await createMesh(t),
    service: 'edge',
    anonymous: true,
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes: [{ upstream: app }]
    ${more}
upstreams:
  app: { protocol: ${protocol}, endpoints: ["${upstream}"] }`,
  })
}

/** Whoever comes next is served, whichever protocol it speaks. */
async function serves(t: Test, sidecar: Sidecar): Promise<void> {
  const port = sidecar.port('outbound')
  for (const client of [new Http1Client({ port }), new Http2Client({ port })]) {
    t.match(await client.request({ path: '/status/200' }), { status: 200 }, 'the next request is answered')
    client.close()
  }
}

const MALFORMED: Record<string, { request: string | Buffer; status: number }> = {
  'no request line': { request: 'WHAT IS THIS\r\n\r\n', status: 400 },
  noise: { request: Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 7 + 128) & 255)), status: 400 },
  'a TLS handshake': { request: Buffer.from('16030100050100000103030d0a0d0a', 'hex'), status: 400 },
  'a version that does not exist': { request: 'GET / HTTP/9.9\r\nHost: a\r\n\r\n', status: 505 },
  'no Host': { request: 'GET / HTTP/1.1\r\n\r\n', status: 400 },
  'two Hosts': { request: 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', status: 400 },
  'a space before the colon': { request: 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', status: 400 },
  'a bare line feed': { request: 'GET / HTTP/1.1\nHost: a\n\n', status: 400 },
  'both framings': {
    request: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    status: 400,
  },
  'a length that is no number': {
    request: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n',
    status: 400,
  },
  'an unknown coding': {
    request: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    status: 501,
  },
  'a malformed chunk': {
    request: 'POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n',
    status: 400,
  },
  'a target without end': { request: `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, status: 414 },
  'a head without end': { request: `GET / HTTP/1.1\r\nHost: a\r\nx: ${'a'.repeat(100_000)}`, status: 431 },
}

t.test('malformed HTTP/1.1', async (t) => {
  const sidecar = await startEdge(t)
  for (const [what, { request, status }] of Object.entries(MALFORMED)) {
    await t.test(what, async (t) => {
      const connection = new RawConnection(sidecar.port('outbound'))
      connection.send(request)
      const answer = await connection.ended()
      t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), 'the status says what was wrong')
      t.match(answer, /^connection: close\r$/im)
      t.match(answer, /\r\n\r\n.+\n$/s, 'and a sentence')
      t.notMatch(answer, STACK_LINE)
      await serves(t, sidecar)
    })
  }
  const line = await sidecar.logged(/^refused 127\.0\.0\.1:\d+ at outbound: the request is malformed: /)
  t.match(line, { level: 'warn', listener: 'outbound', reason: 'protocol' })
  await sidecar.stop(t)
})

const HEADERS = 1
const CONTINUATION = 9
const SETTINGS_FLOOD: Frame[] = Array.from({ length: 2500 }, () => settings())
// More than the budget of a listener that allows 1024 streams.
const RAPID_RESET: Frame[] = Array.from({ length: 8000 }, (_, i) =>
  i % 2 === 0 ? headers(i + 1, GET, true) : rstStream(i, 'CANCEL'),
)

const BAD_FRAMES: Record<string, { frames: Frame[]; code: string; says: RegExp }> = {
  'an oversized frame': {
    frames: [raw(0, 0, 1, Buffer.alloc(100_000))],
    code: 'FRAME_SIZE_ERROR',
    says: /./,
  },
  'DATA on an idle stream': { frames: [raw(0, 0, 1, 'x')], code: 'PROTOCOL_ERROR', says: /stream 1/ },
  'HEADERS on stream 0': { frames: [raw(HEADERS, 5, 0, '\x82')], code: 'PROTOCOL_ERROR', says: /stream 0/ },
  'a header block that does not decode': {
    frames: [raw(HEADERS, 5, 1, '\xff\xff\xff\xff\xff\xff')],
    code: 'COMPRESSION_ERROR',
    says: /./,
  },
  'a window update by nothing': {
    frames: [windowUpdate(0, 0)],
    code: 'PROTOCOL_ERROR',
    says: /WINDOW_UPDATE by 0/,
  },
  'a window that overflows': {
    frames: [windowUpdate(0, 0x7fffffff)],
    code: 'FLOW_CONTROL_ERROR',
    says: /overflows/,
  },
  'settings out of range': {
    frames: [settings({ 4: 0x80000000 })],
    code: 'FLOW_CONTROL_ERROR',
    says: /INITIAL_WINDOW_SIZE/,
  },
  'a flood of CONTINUATION': {
    frames: [
      raw(HEADERS, 0, 1, '\x82'),
      ...Array.from({ length: 500 }, () => raw(CONTINUATION, 0, 1, '\x86')),
    ],
    code: 'ENHANCE_YOUR_CALM',
    says: /more than 8 CONTINUATION frames/,
  },
  'a flood of SETTINGS': {
    frames: SETTINGS_FLOOD,
    code: 'ENHANCE_YOUR_CALM',
    says: /frames that carry nothing/,
  },
  'rapid resets': { frames: RAPID_RESET, code: 'ENHANCE_YOUR_CALM', says: /frames that carry nothing/ },
}

t.test('malformed HTTP/2 and floods', async (t) => {
  const sidecar = await startEdge(t)
  for (const [what, { frames, code, says }] of Object.entries(BAD_FRAMES)) {
    await t.test(what, async (t) => {
      const connection = new RawConnection(sidecar.port('outbound'))
      connection.sendFrames(...frames)
      const goaway = (await connection.endedFrames()).findLast(({ type }) => type === 'GOAWAY')
      t.match(goaway, { type: 'GOAWAY', code }, 'the connection ends with GOAWAY')
      t.match(goaway, { debug: says }, 'which says why')
      await serves(t, sidecar)
    })
  }

  await t.test('a preface that goes wrong', async (t) => {
    const connection = new RawConnection(sidecar.port('outbound'))
    connection.send('PRI * HTTP/2.0\r\n\r\nNO\r\n\r\n')
    const goaway = (await connection.endedFrames()).at(-1)
    t.match(goaway, { type: 'GOAWAY', code: 'PROTOCOL_ERROR', debug: /preface/ })
    await serves(t, sidecar)
  })

  t.match(await sidecar.logged(/frames that carry nothing/), {
    level: 'warn',
    listener: 'outbound',
    reason: 'protocol',
  })
  t.match(await sidecar.metric('pillion_protocol_errors_total'), {
    'code=bad-request,listener=outbound': Number,
    'code=flood,listener=outbound': 3,
  })
  await sidecar.stop(t)
})

t.test('callers that dawdle and callers that vanish', async (t) => {
  const sidecar = await startEdge(t, 'timeouts: { head: 300ms, idle: 600ms }')
  const port = sidecar.port('outbound')

  const half = new RawConnection(port)
  half.send('GET / HTTP/1.1\r\nHost: a\r\n')
  t.match(await half.ended(), /^HTTP\/1\.1 408 /, 'half a request head')
  const halfPreface = new RawConnection(port)
  halfPreface.send('PRI * HTTP')
  await halfPreface.ended()
  const silent = new RawConnection(port)
  t.equal(await silent.ended(), '', 'not a byte')

  for (let round = 0; round < 4; round++) {
    const crowd = Array.from({ length: 100 }, () => new RawConnection(port))
    await Promise.all(crowd.map((connection) => connection.connected()))
    for (const [i, { socket }] of crowd.entries()) {
      if (i % 3 === 0) socket.write('GET /hold HTTP/1.1\r\nHost: a\r\n\r\n')
      if (i % 3 === 1) socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
      if (i % 2 === 0) socket.resetAndDestroy()
      else socket.destroy()
    }
    await Promise.all(crowd.map((connection) => connection.ended()))
  }
  await serves(t, sidecar)
  let open = -1
  while (open !== 0) open = (await sidecar.metric('pillion_connections_open'))['listener=outbound'] ?? -1
  t.equal(open, 0, 'every connection is gone')
  await app.when('no request to be left', () => app.active === 0)
  await sidecar.stop(t)
})

for (const [protocol, answer] of [
  ['http1', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx'],
  ['http1', 'nonsense\r\n\r\n'],
  ['h2', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ['h2', '\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01\x00\x00\x00\x07x'],
] as const) {
  t.test(`an endpoint that answers ${JSON.stringify(answer.slice(0, 20))} to ${protocol}`, async (t) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.write(Buffer.from(answer, 'latin1')))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const sidecar = await startEdge(t, '', `127.0.0.1:${(server.address() as AddressInfo).port}`, protocol)
    const client = new Http1Client({ port: sidecar.port('outbound') })
    t.teardown(() => client.close())
    for (let i = 0; i < 2; i++) {
      const reply = await client.request({ path: '/' })
      t.match(String(reply.status), /^50[23]$/)
      t.match(reply.headers['x-pillion-reason'], /^upstream-(protocol|closed|reset)$/)
      t.match(reply.body.toString(), /^the endpoint .+\n$/)
    }
    client.close()
    await sidecar.stop(t)
  })
}

t.test('the admin server takes no harm either', async (t) => {
  const sidecar = await startEdge(t)
  const connection = new RawConnection(sidecar.port('admin'))
  connection.send('\x00\x01garbage\r\n\r\n')
  t.notMatch(await connection.ended(), STACK_LINE)
  t.match(await sidecar.page('/ready'), { status: 200 })
  await sidecar.stop(t)
})
