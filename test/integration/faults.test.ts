import t, { type Test } from 'tap'
import { PREFACE } from '../../proxy/codec/http2/constants.ts'
import {
  data,
  END_STREAM,
  type Frame,
  FrameCoder,
  headers,
  type Pairs,
  rstStream,
  settings,
} from '../support/frames.ts'
import { MemoryNetwork, type MemorySocket } from '../support/storm/memory-network.ts'
import { StormRandom } from '../support/storm/plan.ts'
import { WatchedProxy } from '../support/storm/watched-proxy.ts'

/** What an end of a connection has got, and what became of the connection. */
class End {
  readonly socket: MemorySocket
  readonly coder = new FrameCoder()
  readonly frames: Frame[] = []
  text = ''
  closed = false

  constructor(socket: MemorySocket, h2: boolean, skip = 0) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      const from = Math.min(skip, chunk.length)
      skip -= from
      if (h2) this.frames.push(...this.coder.read(chunk.subarray(from)))
      else this.text += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.closed = true
      })
    }
    socket.resume()
  }

  send(...what: (string | Frame)[]): void {
    for (const each of what)
      this.socket.write(typeof each === 'string' ? Buffer.from(each, 'latin1') : this.coder.write(each))
  }

  /** Frames of one type on stream 1. */
  of<T extends Frame['type']>(type: T): Extract<Frame, { type: T }>[] {
    return this.frames.filter(
      (frame) => frame.type === type && 'stream' in frame && frame.stream === 1,
    ) as never
  }

  field(name: string): string | undefined {
    return this.of('HEADERS')
      .flatMap(({ fields }) => [...fields])
      .findLast(([known]) => known === name)?.[1]
  }
}

/** A proxy with endpoints that the test plays: two of each protocol, of which the second refuses connections. */
class FaultBench {
  readonly network = new MemoryNetwork(new StormRandom(1))
  readonly proxy: WatchedProxy
  readonly endpoints: End[] = []

  constructor(t: Test, endpoints: string) {
    const restore = this.network.install()
    this.proxy = new WatchedProxy(
      `service: faults
admin: off
metrics: off
listeners:
  - name: outbound
    address: 127.0.0.1:1000
    routes:
      - { match: { authority: http1 }, upstream: http1, timeout: 1s }
      - { match: { authority: h2 }, upstream: h2, timeout: 1s }
upstreams:
  http1: { protocol: http1, endpoints: ${endpoints}, balance: round-robin }
  h2: { protocol: h2, endpoints: ${endpoints.replaceAll(':2', ':3')}, balance: round-robin }
`,
      1,
    )
    for (const port of [2001, 3001]) {
      this.network.listen(port, true, (socket) => {
        const endpoint = new End(socket, port === 3001, port === 3001 ? PREFACE.length : 0)
        if (port === 3001) endpoint.send(settings())
        this.endpoints.push(endpoint)
      })
    }
    t.teardown(() => {
      this.proxy.stop()
      restore()
    })
  }

  /** Lets everything happen that is due, within `ms` milliseconds. */
  async pass(ms = 20): Promise<void> {
    for (let left = ms; left > 0; left -= 10) {
      this.proxy.clock.jump(10)
      for (let rounds = 5; rounds > 0; rounds--) {
        while (this.network.step());
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }

  async caller(h2: boolean): Promise<End> {
    const caller = new End(this.network.connect(1000), h2)
    if (h2) caller.socket.write(PREFACE)
    if (h2) caller.send(settings())
    await this.pass()
    return caller
  }
}

async function start(t: Test, endpoints = '["127.0.0.1:2001"]'): Promise<FaultBench> {
  const bench = new FaultBench(t, endpoints)
  await bench.proxy.listen()
  return bench
}

function request(authority: string, grpc = false): Pairs {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/a.B/C'],
    [':authority', authority],
    ...(grpc
      ? ([
          ['content-type', 'application/grpc'],
          ['te', 'trailers'],
        ] as const)
      : []),
  ]
}

const POST = (authority: string) => `POST / HTTP/1.1\r\nhost: ${authority}\r\ncontent-length: 6\r\n\r\nabc`
const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'
const OK: Pairs = [[':status', '200']]

for (const spoken of ['http1', 'h2']) {
  /** A request from `caller`, whole, has reached the endpoint, which then sends half a response and dies. */
  const halfAnswer = async (bench: FaultBench, how: 'destroy' | 'resetAndDestroy'): Promise<void> => {
    await bench.pass()
    const endpoint = bench.endpoints[0] as End
    if (spoken === 'http1') endpoint.send(CHUNKED)
    else endpoint.send(headers(1, OK), data(1, 'half'))
    await bench.pass()
    endpoint.socket[how]()
    await bench.pass()
  }

  t.test(
    `an endpoint (${spoken}) that dies within its response: no truncated answer looks complete`,
    async (t) => {
      for (const how of ['destroy', 'resetAndDestroy'] as const) {
        const bench = await start(t)
        const plain = await bench.caller(false)
        plain.send(`${POST(spoken)}def`)
        await halfAnswer(bench, how)
        t.match(plain.text, /half/)
        t.notMatch(plain.text, /\r\n0\r\n/)
        t.ok(plain.closed)

        const again = await start(t)
        const framed = await again.caller(true)
        framed.send(headers(1, request(spoken), END_STREAM))
        await halfAnswer(again, how)
        t.match(framed.of('DATA'), [{ data: 'half', end: false }])
        t.equal(framed.of('RST_STREAM').length, 1)

        const third = await start(t)
        const call = await third.caller(true)
        call.send(headers(1, request(spoken, true), END_STREAM))
        await halfAnswer(third, how)
        t.equal(call.field('grpc-status'), '14')
        t.strictSame(call.of('RST_STREAM'), [])
      }
    },
  )

  t.test(`an endpoint (${spoken}) that dies before its response`, async (t) => {
    for (const grpc of [false, true]) {
      const bench = await start(t)
      const caller = await bench.caller(true)
      caller.send(headers(1, request(spoken, grpc), END_STREAM))
      await bench.pass()
      bench.endpoints[0]?.socket.destroy()
      await bench.pass()
      t.equal(caller.field(':status'), grpc ? '200' : '503')
      t.equal(caller.field('grpc-status'), grpc ? '14' : undefined)
      t.equal(bench.endpoints.length, 1, 'it may have been processed')
    }
  })

  t.test(`connections (${spoken}) that are refused`, async (t) => {
    const bench = await start(t, '["127.0.0.1:2002"]')
    const caller = await bench.caller(true)
    caller.send(headers(1, request(spoken, true), END_STREAM))
    await bench.pass()
    t.equal(caller.field('grpc-status'), '14')

    const two = await start(t, '["127.0.0.1:2002", "127.0.0.1:2001"]')
    const plain = await two.caller(false)
    plain.send(`${POST(spoken)}def`)
    await two.pass()
    t.equal(two.endpoints.length, 1, 'the other endpoint is asked')
  })

  t.test(`an endpoint (${spoken}) that is slow: 504 or 4, and it is told to stop`, async (t) => {
    for (const grpc of [false, true]) {
      const bench = await start(t)
      const caller = await bench.caller(true)
      caller.send(headers(1, request(spoken, grpc), END_STREAM))
      await bench.pass(1100)
      t.equal(caller.field(':status'), grpc ? '200' : '504')
      t.equal(caller.field('grpc-status'), grpc ? '4' : undefined)
      const [endpoint] = bench.endpoints as [End]
      if (spoken === 'http1') t.ok(endpoint.closed)
      else t.strictSame(endpoint.of('RST_STREAM'), [rstStream(1, 'CANCEL')])
    }
  })

  t.test(`a caller that resets or closes in the middle of its request to ${spoken}`, async (t) => {
    for (const how of ['reset', 'close', 'FIN'] as const) {
      const bench = await start(t)
      const caller = await bench.caller(how === 'reset')
      if (how === 'reset') caller.send(headers(1, request(spoken)), data(1, 'abc'))
      else caller.send(POST(spoken))
      await bench.pass()
      const [endpoint] = bench.endpoints as [End]
      t.match(endpoint.text + endpoint.of('DATA').map(({ data }) => data), /abc/)
      if (how === 'reset') caller.send(rstStream(1, 'CANCEL'))
      else if (how === 'close') caller.socket.destroy()
      else caller.socket.end()
      await bench.pass()
      if (spoken === 'http1') t.ok(endpoint.closed, how)
      else t.strictSame(endpoint.of('RST_STREAM'), [rstStream(1, 'CANCEL')], how)
      t.notMatch(endpoint.text, /\r\n0\r\n/)
      if (how === 'FIN') t.ok(caller.closed)
    }
  })

  t.test(`an endpoint (${spoken}) that answers before the request is complete, and closes`, async (t) => {
    const bench = await start(t)
    const caller = await bench.caller(true)
    caller.send(headers(1, request(spoken)), data(1, 'abc'))
    await bench.pass()
    const [endpoint] = bench.endpoints as [End]
    if (spoken === 'http1') endpoint.send('HTTP/1.1 413 \r\ncontent-length: 3\r\n\r\nbig')
    else endpoint.send(headers(1, [[':status', '413']]), data(1, 'big', END_STREAM), rstStream(1, 'NO_ERROR'))
    await bench.pass()
    endpoint.socket.destroy()
    t.equal(caller.field(':status'), '413')
    t.match(caller.of('DATA').at(-1), { end: true })
    t.strictSame(caller.of('RST_STREAM'), [], 'some of the rest is taken')
    for (let i = 0; i < 6; i++) {
      caller.send(data(1, 'x'.repeat(13_000)))
      await bench.pass()
    }
    t.match(caller.of('RST_STREAM'), [rstStream(1, 'NO_ERROR')], 'not all of it')
  })
}
