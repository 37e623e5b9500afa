// CVE-2025-8671: a caller makes us reset its streams, which then count no longer towards its limit while the work behind
// them goes on. Here the work upstream has ended before the reset is written: it is never more than the streams open.
import type { Socket } from 'node:net'
import t from 'tap'
import { Http1ClientConnection } from '../../../proxy/codec/http1/client-connection.ts'
import { Transport } from '../../../proxy/codec/transport.ts'
import { Head } from '../../../proxy/message/head.ts'
import type { ClientSession } from '../../../proxy/message/session.ts'
import { data, END_STREAM, type Frame, GET, headers, POST, windowUpdate } from '../../support/frames.ts'
import { ClientBench, ServerBench, WireSocket } from '../../support/http2-bench.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { ExchangeBench, NOTHING_HELD } from './exchange-bench.ts'

const MAX_STREAMS = 3

/** What makes us reset stream `id`. */
const causes: Record<string, (id: number) => Frame[]> = {
  'WINDOW_UPDATE by 0': (id) => [headers(id, POST), windowUpdate(id, 0)],
  'a window that overflows': (id) => [headers(id, GET, END_STREAM), windowUpdate(id, 2 ** 31 - 1)],
  'DATA behind the end': (id) => [headers(id, GET, END_STREAM), data(id, 'x')],
  'HEADERS behind the end': (id) => [headers(id, GET, END_STREAM), headers(id, { a: 'b' }, END_STREAM)],
  'more body than declared': (id) => [headers(id, [...POST, ['content-length', '1']]), data(id, 'xx')],
}

function caller(exchanges: ExchangeBench): ServerBench {
  const server = new ServerBench({ maxStreams: MAX_STREAMS })
  server.onRequest = ({ stream, request, ended }) => exchanges.context.request(stream, request, ended)
  return server
}

for (const [name, cause] of Object.entries(causes)) {
  t.test(`${name}: whatever state the request is in`, async (t) => {
    for (const state of ['waiting', 'sent', 'answering'] as const) {
      const exchanges = new ExchangeBench({ endpoints: 1 })
      const [pool] = exchanges.pools
      if (pool === undefined) return
      pool.connected = state !== 'waiting'
      const server = caller(exchanges)
      for (let i = 0; i < 100; i++) {
        const [request, ...attack] = cause(i * 2 + 1)
        server.send(request as Frame)
        if (state === 'answering') pool.streams[i]?.receiver?.head(Head.response(200), null, false)
        t.strictSame(exchanges.cluster.active, 1)
        server.send(...attack)
        t.match(server.take().at(-1), { type: 'RST_STREAM', stream: i * 2 + 1 })
        t.strictSame(exchanges.held, NOTHING_HELD, 'nothing goes on upstream')
      }
      t.equal(
        pool.streams.every(({ cancels }) => cancels.length === 1),
        true,
      )
    }
  })
}

t.test('over HTTP/2 the endpoint is told within the same call', async (t) => {
  const exchanges = new ExchangeBench({ endpoints: 1 })
  const endpoint = new ClientBench()
  const [pool] = exchanges.pools
  if (pool !== undefined) pool.session = () => endpoint.connection
  const server = caller(exchanges)
  for (let i = 0; i < 100; i++) {
    server.send(headers(i * 2 + 1, POST), windowUpdate(i * 2 + 1, 0))
    t.strictSame(endpoint.takeTypes(), ['HEADERS', 'RST_STREAM'])
    t.equal(endpoint.connection.active, 0)
  }
})

t.test('over HTTP/1.1 the connection is closed within the same call', async (t) => {
  const exchanges = new ExchangeBench({ endpoints: 1 })
  const server = caller(exchanges)
  const [pool] = exchanges.pools
  if (pool === undefined) return
  for (let i = 0; i < 10; i++) {
    const socket = new WireSocket()
    const session: ClientSession = new Http1ClientConnection(new Transport(socket as unknown as Socket), {
      owner: { capacityChanged: () => {}, retired: () => {}, closed: () => {} },
      wheel: new VirtualClock().timers,
    })
    pool.session = () => session
    server.send(headers(i * 2 + 1, POST))
    t.equal(session.active, 1)
    server.send(windowUpdate(i * 2 + 1, 0))
    t.equal(socket.destroyed || socket.ended, true)
    t.equal(session.capacity, 0)
  }
})

t.test('the limit of streams holds all the while', async (t) => {
  const exchanges = new ExchangeBench({ endpoints: 1 })
  const server = caller(exchanges)
  for (let id = 1; id < 1 + MAX_STREAMS * 2; id += 2) server.send(headers(id, POST))
  server.send(headers(9, POST))
  t.match(server.take(), [{ type: 'RST_STREAM', stream: 9, code: 'REFUSED_STREAM' }])
  server.send(windowUpdate(1, 0), headers(11, POST), headers(13, POST))
  t.match(server.take(), [
    { type: 'RST_STREAM', stream: 1, code: 'PROTOCOL_ERROR' },
    { type: 'RST_STREAM', stream: 13, code: 'REFUSED_STREAM' },
  ])
  t.equal(exchanges.cluster.active, MAX_STREAMS)
})
