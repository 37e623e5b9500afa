import { createHash } from 'node:crypto'
import { createServer as createHttpServer, request } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import t from 'tap'
import { systemClock } from '../../../../proxy/base/clock.ts'
import { TimerWheel } from '../../../../proxy/base/timer-wheel.ts'
import { Http1ClientConnection } from '../../../../proxy/codec/http1/client-connection.ts'
import { Http1ServerConnection } from '../../../../proxy/codec/http1/server-connection.ts'
import { Transport } from '../../../../proxy/codec/transport.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { reasons } from '../../../../proxy/message/reason.ts'
import type { RequestAcceptor } from '../../../../proxy/message/session.ts'
import { turn } from '../../../support/http1-peer.ts'

const wheel = new TimerWheel(systemClock.now)

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

/** A server whose connections go to `acceptor`; its sockets are noted. */
function front(acceptor: RequestAcceptor, sockets: Socket[] = []): Server {
  return createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    const transport = new Transport(socket)
    new Http1ServerConnection(transport, { scheme: 'http', acceptor, wheel })
    transport.start()
  })
}

/** Links each request to a new connection to `port`. */
function relayTo(port: number, sockets: Socket[]): RequestAcceptor {
  return {
    request(stream, head, end) {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      sockets.push(socket)
      const transport = new Transport(socket)
      const connection = new Http1ClientConnection(transport, {
        wheel,
        owner: { capacityChanged: (session) => session.drain(), retired() {}, closed() {} },
      })
      transport.start()
      const upstream = connection.open(stream, stream)
      stream.receiver = upstream
      stream.source = upstream
      upstream.head(head, null, end)
    },
  }
}

t.test('megabytes both ways through both roles, with a slow reader and bounded memory', async (t) => {
  const size = 6 * 1024 * 1024
  const payload = Buffer.alloc(size, 'The quick brown fox. ')
  const sum = createHash('sha256').update(payload).digest('hex')
  for (const declared of [true, false]) {
    const origin = createHttpServer((req, res) => {
      const hash = createHash('sha256')
      req.on('data', (chunk: Buffer) => hash.update(chunk))
      req.on('end', () => {
        res.setHeader('x-sum', hash.digest('hex'))
        if (declared) res.setHeader('content-length', size)
        else res.setHeader('trailer', 'x-end')
        for (let at = 0; at < size; at += 100_000) res.write(payload.subarray(at, at + 100_000))
        if (!declared) res.addTrailers({ 'x-end': 'yes' })
        res.end()
      })
    })
    const sockets: Socket[] = []
    const relay = front(relayTo(await listen(origin), sockets), sockets)
    const port = await listen(relay)
    const headers = declared ? { 'content-length': size, te: 'trailers' } : { te: 'trailers' }
    await new Promise<void>((resolve, reject) => {
      const call = request({ port, host: '127.0.0.1', method: 'POST', headers, agent: false }, (res) => {
        t.equal(res.headers['x-sum'], sum, 'the request arrived whole')
        const hash = createHash('sha256')
        let waits = 0
        let most = 0
        res.on('data', (chunk: Buffer) => {
          hash.update(chunk)
          for (const socket of sockets) most = Math.max(most, socket.writableLength)
          if (++waits > 20) return
          res.pause()
          setImmediate(() => res.resume())
        })
        res.on('end', () => {
          t.equal(hash.digest('hex'), sum, 'the response arrived whole')
          t.ok(most < 1024 * 1024, 'what waits is bounded')
          if (!declared) t.equal(res.trailers['x-end'], 'yes')
          resolve()
        })
      })
      call.on('error', reject)
      call.end(payload)
    })
    relay.close()
    origin.close()
  }
})

t.test('a caller that does not read stops the origin', async (t) => {
  let written = 0
  const origin = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const chunk = Buffer.alloc(64 * 1024)
      const more = () => {
        while (!socket.destroyed && written < 100 * 1024 * 1024) {
          written += chunk.length
          if (!socket.write(chunk)) break
        }
      }
      socket.on('drain', more)
      more()
    })
  })
  const sockets: Socket[] = []
  const relay = front(relayTo(await listen(origin), sockets), sockets)
  const caller = connect({ port: await listen(relay), host: '127.0.0.1' })
  caller.pause()
  caller.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  // Socket buffers of the system fill first; then the relay's own, and it stops reading.
  const stuck = () => sockets[1]?.isPaused() === true && (sockets[0] as Socket).writableLength > 0
  while (!stuck()) await turn()
  const waiting = sockets.reduce((sum, socket) => sum + socket.writableLength, 0)
  t.ok(waiting < 1024 * 1024, `${waiting} bytes wait in the relay`)
  t.ok(written < 100 * 1024 * 1024)
  const gone = new Promise((resolve) => sockets[1]?.once('close', resolve))
  caller.destroy()
  await gone
  t.pass('the caller leaving ends the upstream connection')
  relay.close()
  origin.close()
})

t.test('FIN behind the request: the response arrives, then FIN', async (t) => {
  const relay = front({
    request(stream) {
      setImmediate(() => {
        stream.head(Head.response(200, Fields.of({ 'content-length': '2' })), null, false)
        stream.data(Buffer.from('ok'), 0, 2, true)
      })
    },
  })
  const caller = connect({ port: await listen(relay), host: '127.0.0.1', allowHalfOpen: true })
  caller.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  let text = ''
  for await (const chunk of caller) text += chunk
  t.equal(text, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
  relay.close()
})

t.test('a refusal reaches a caller that goes on sending', async (t) => {
  const relay = front({ request() {} })
  const caller = connect({ port: await listen(relay), host: '127.0.0.1' })
  caller.on('error', () => {})
  caller.write(`GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n${'x'.repeat(200_000)}`)
  let text = ''
  for await (const chunk of caller) text += chunk
  t.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/)
  t.match(text, /white space between field name and colon\n$/)
  relay.close()
})

t.test('a response cut off in the middle is an error for HTTP/1.0 and 1.1 callers', async (t) => {
  for (const version of ['1.0', '1.1']) {
    let cut = () => {}
    const relay = front({
      request(stream) {
        stream.head(Head.response(200), null, false)
        stream.data(Buffer.from('part'), 0, 4, false)
        cut = () => stream.cancel(reasons.upstreamClosed)
      },
    })
    const caller = connect({ port: await listen(relay), host: '127.0.0.1' })
    caller.write(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`)
    let text = ''
    let failed = false
    try {
      for await (const chunk of caller) {
        text += chunk
        if (text.includes('part')) cut()
      }
    } catch {
      failed = true
    }
    t.match(text, /part/)
    if (version === '1.0') t.ok(failed, 'where FIN would mean the end there is RST')
    else t.notMatch(text, /\r\n0\r\n\r\n$/)
    relay.close()
  }
})
