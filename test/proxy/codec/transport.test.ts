import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setImmediate as afterTurn, setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { reportDefects } from '../../../proxy/base/defects.ts'
import { Transport, type TransportUser } from '../../../proxy/codec/transport.ts'

class User implements TransportUser {
  text = ''
  ended = 0
  drains = 0
  readonly closes: (Error | null)[] = []
  onRead: (chunk: Buffer) => void = () => {}
  onEvent: () => void = () => {}

  read(chunk: Buffer): void {
    this.text += chunk.toString('latin1')
    this.onRead(chunk)
    this.onEvent()
  }
  readEnd(): void {
    this.ended += 1
    this.onEvent()
  }
  drained(): void {
    this.drains += 1
    this.onEvent()
  }
  closed(error: Error | null): void {
    this.closes.push(error)
    this.onEvent()
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.onEvent = resolve
      })
    }
  }
}

interface Pair {
  readonly transport: Transport
  readonly user: User
  readonly peer: Socket
}

async function connectPair(t: { teardown: (fn: () => void) => void }): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { port: number }
  const peer = connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true })
  const [socket] = (await once(server, 'connection')) as [Socket]
  const transport = new Transport(socket)
  const user = new User()
  transport.user = user
  transport.start()
  t.teardown(() => {
    peer.destroy()
    socket.destroy()
    server.close()
  })
  return { transport, user, peer }
}

function write(transport: Transport, bytes: Buffer): void {
  const at = transport.reserve(bytes.length)
  bytes.copy(transport.buffer, at)
  transport.length = at + bytes.length
}

/** Counts the writes that reach the socket. */
function countWrites(transport: Transport): () => number {
  let count = 0
  const socket = transport.socket
  const original = socket.write.bind(socket)
  socket.write = ((chunk: Buffer) => {
    count += 1
    return original(chunk)
  }) as typeof socket.write
  return () => count
}

async function read(socket: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let have = 0
  while (have < bytes) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    chunks.push(chunk)
    have += chunk.length
  }
  return Buffer.concat(chunks)
}

t.test('what is written in one turn goes out in one write', async (t) => {
  const { transport, peer } = await connectPair(t)
  const writes = countWrites(transport)
  for (let i = 0; i < 100; i++) write(transport, Buffer.from(`${i % 10}`))
  t.equal(writes(), 0)
  t.equal((await read(peer, 100)).toString(), '0123456789'.repeat(10))
  t.equal(writes(), 1)
  write(transport, Buffer.from('x'))
  t.equal((await read(peer, 1)).toString(), 'x')
  t.equal(writes(), 2)
})

t.test('more than a socket takes is bounded by nobody but told', async (t) => {
  const { transport, user, peer } = await connectPair(t)
  peer.pause()
  let sent = 0
  const chunk = Buffer.alloc(50_000)
  while (!transport.congested && sent < 200_000_000) {
    for (let i = 0; i < chunk.length; i += 4) chunk.writeUInt32BE(sent + i, i)
    write(transport, chunk)
    sent += chunk.length
    await afterTurn()
  }
  t.ok(transport.congested)
  t.ok(transport.socket.writableLength > 256 * 1024)
  write(transport, Buffer.from('end!'))
  const got = read(peer, sent + 4)
  const drained = user.until(() => user.drains > 0)
  peer.resume()
  const all = await got
  await drained
  t.equal(transport.congested, false)
  t.equal(user.drains, 1)
  t.equal(all.length, sent + 4)
  let wrong = -1
  for (let i = 0; i < sent; i += 4) if (all.readUInt32BE(i) !== i && wrong < 0) wrong = i
  t.equal(wrong, -1, 'buffers are not written to while the socket has them')
  t.equal(all.toString('latin1', sent), 'end!')
})

t.test('large and small outputs in turn arrive in order', async (t) => {
  const { transport, peer } = await connectPair(t)
  const parts = [10, 5000, 20_000, 3, 70_000, 200_000, 1].map((size, i) => Buffer.alloc(size, 97 + i))
  const got = read(
    peer,
    parts.reduce((sum, part) => sum + part.length, 0),
  )
  for (const [i, part] of parts.entries()) {
    write(transport, part)
    if (i % 2 === 0) await afterTurn()
  }
  t.ok((await got).equals(Buffer.concat(parts)))
})

t.test('end sends what was gathered, then FIN', async (t) => {
  const { transport, user, peer } = await connectPair(t)
  write(transport, Buffer.from('bye'))
  transport.end()
  transport.end()
  t.equal(transport.closing, true)
  t.equal((await read(peer, 3)).toString(), 'bye')
  await once(peer, 'end')
  peer.end('late')
  await user.until(() => user.closes.length > 0)
  t.equal(user.text, 'late', 'the other direction was still open')
  t.strictSame(user.closes, [null])
  t.equal(user.ended, 1)
})

t.test('an end of the peer is told, and writing goes on', async (t) => {
  const { transport, user, peer } = await connectPair(t)
  peer.end('hello')
  await user.until(() => user.ended > 0)
  t.equal(user.text, 'hello')
  write(transport, Buffer.from('answer'))
  t.equal((await read(peer, 6)).toString(), 'answer')
})

t.test('destroy loses what was not written; closed comes once', async (t) => {
  const { transport, user, peer } = await connectPair(t)
  write(transport, Buffer.from('lost'))
  const got: Buffer[] = []
  peer.on('data', (chunk: Buffer) => got.push(chunk))
  const ended = once(peer, 'end')
  transport.destroy()
  await user.until(() => user.closes.length > 0)
  t.strictSame(user.closes, [null])
  t.equal(transport.closing, true)
  write(transport, Buffer.from('no one hears'))
  await afterTurn()
  await ended
  t.strictSame(got, [])
  t.equal(user.closes.length, 1)
})

t.test('a reset by the peer comes with its error', async (t) => {
  const { user, peer } = await connectPair(t)
  peer.resetAndDestroy()
  await user.until(() => user.closes.length > 0)
  t.match(user.closes, [{ code: 'ECONNRESET' }])
})

t.test('a defect met while reading costs that connection only, and is reported', async (t) => {
  const { user, peer } = await connectPair(t)
  const defects: unknown[] = []
  reportDefects((error) => defects.push(error))
  t.teardown(() => reportDefects(() => {}))
  const wrong = new Error('a defect of ours')
  user.onRead = () => {
    throw wrong
  }
  peer.write('x')
  await user.until(() => user.closes.length > 0)
  t.strictSame(defects, [wrong])
})

t.test('progress: what the peer takes of one large write shows before the write is done', async (t) => {
  const { transport, peer } = await connectPair(t)
  peer.pause()
  write(transport, Buffer.alloc(32 * 1024 * 1024))
  await afterTurn()
  const waiting = transport.socket.writableLength
  const settle = async () => {
    let before = Number.NaN
    while (before !== transport.progress) {
      before = transport.progress
      await sleep(20)
    }
    return before
  }
  const still = await settle()
  let read = 0
  while (transport.progress === still) {
    peer.resume()
    const [chunk] = (await once(peer, 'data')) as [Buffer]
    read += chunk.length
    peer.pause()
  }
  t.ok(read < waiting)
  t.equal(transport.socket.writableLength, waiting, 'the socket itself knows of nothing yet')
})

t.test('reset: seen on a paused socket, without reading', async (t) => {
  const { transport, peer } = await connectPair(t)
  transport.pause()
  peer.write(Buffer.alloc(1024 * 1024))
  await sleep(20)
  t.equal(transport.reset, false)
  peer.resetAndDestroy()
  while (!transport.reset) await sleep(5)
  t.pass()
})
