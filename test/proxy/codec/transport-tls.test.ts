import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate as afterTurn, setTimeout as sleep } from 'node:timers/promises'
import { connect, createServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import { Transport } from '../../../proxy/codec/transport.ts'
import { createMeshCertificates } from '../../support/peers/mesh-certificates.ts'
import { PatternCheck, pattern } from '../../support/peers/pattern.ts'

interface Pair {
  readonly transport: Transport
  readonly peer: TLSSocket
  /** Resolves at the next `drained`. */
  readonly drained: Promise<void>
}

async function connectPair(t: { teardown: (fn: () => void) => void }): Promise<Pair> {
  const material = await (await createMeshCertificates()).issue('server')
  const server = createServer({ cert: material.cert, key: material.key })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const peer = connect({ port, host: '127.0.0.1', ca: material.ca })
  const [socket] = (await once(server, 'secureConnection')) as [TLSSocket]
  const transport = new Transport(socket)
  const drained = new Promise<void>((resolve) => {
    transport.user = { read: () => {}, readEnd: () => {}, drained: resolve, closed: () => {} }
  })
  transport.start()
  t.teardown(() => {
    peer.destroy()
    socket.destroy()
    server.close()
  })
  return { transport, peer, drained }
}

function write(transport: Transport, bytes: Buffer): void {
  const at = transport.reserve(bytes.length)
  bytes.copy(transport.buffer, at)
  transport.length = at + bytes.length
}

t.test('outputs of all sizes, in one turn and over many, arrive whole and in order, then FIN', async (t) => {
  const { transport, peer } = await connectPair(t)
  const check = new PatternCheck()
  peer.on('data', (chunk: Buffer) => check.take(chunk))
  let sent = 0
  // Two transports share the buffers that are used again: what one holds the other must not write to.
  const other = await connectPair(t)
  const otherCheck = new PatternCheck()
  other.peer.on('data', (chunk: Buffer) => otherCheck.take(chunk))
  let otherSent = 0
  for (let round = 0; round < 60; round++) {
    for (const size of [1, 300, 17_000, 40_000, 9, 130_000].slice(0, 1 + (round % 6))) {
      write(transport, pattern(size, sent))
      sent += size
      write(other.transport, pattern(size * 2, otherSent))
      otherSent += size * 2
    }
    if (round % 3 !== 0) await afterTurn()
  }
  transport.end()
  other.transport.end()
  await Promise.all([once(peer, 'end'), once(other.peer, 'end')])
  t.strictSame([check.bytes, check.intact], [sent, true])
  t.strictSame([otherCheck.bytes, otherCheck.intact], [otherSent, true])
})

t.test('a peer that does not read makes it congested, and uncongested when it reads again', async (t) => {
  const { transport, peer, drained } = await connectPair(t)
  const check = new PatternCheck()
  peer.pause()
  let sent = 0
  while (!transport.congested) {
    write(transport, pattern(50_000, sent))
    sent += 50_000
    await afterTurn()
  }
  peer.on('data', (chunk: Buffer) => check.take(chunk))
  peer.resume()
  await drained
  t.equal(transport.congested, false)
  transport.end()
  await once(peer, 'end')
  t.strictSame([check.bytes, check.intact], [sent, true])
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

t.test('abort: the peer sees a broken connection, not an end, whichever side dialled', async (t) => {
  for (const side of ['accepted', 'dialled'] as const) {
    const pair = await connectPair(t)
    const [transport, peer] =
      side === 'accepted'
        ? [pair.transport, pair.peer]
        : [new Transport(pair.peer), pair.transport.socket as TLSSocket]
    peer.resume()
    write(transport, Buffer.from('half'))
    await once(peer, 'data')
    const seen: string[] = []
    peer.on('end', () => seen.push('end'))
    peer.on('error', (error: NodeJS.ErrnoException) => seen.push(`${error.code}`))
    const told = new Promise<void>((resolve) => {
      transport.user = { read: () => {}, readEnd: () => {}, drained: () => {}, closed: () => resolve() }
    })
    // `once` would reject at the error.
    const closed = new Promise((resolve) => peer.on('close', resolve))
    transport.abort()
    await Promise.all([told, closed])
    t.strictSame(seen, ['ECONNRESET'], side)
  }
})
