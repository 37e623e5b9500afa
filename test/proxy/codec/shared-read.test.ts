import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import t from 'tap'
import { acceptedTransport, SharedRead } from '../../../proxy/codec/shared-read.ts'
import { Transport, type TransportUser } from '../../../proxy/codec/transport.ts'

/** Keeps copies of what arrives. */
class Collector implements TransportUser {
  text = ''
  ended = false
  error: Error | null | undefined
  readonly #look: () => void

  constructor(look: () => void) {
    this.#look = look
  }

  read(chunk: Buffer): void {
    this.text += chunk.toString('latin1')
    this.#look()
  }

  readEnd(): void {
    this.ended = true
    this.#look()
  }

  drained(): void {}

  closed(error: Error | null): void {
    this.error = error
    this.#look()
  }
}

t.test('accepted connections keep their bytes apart, may be paused, and are told their end', async (t) => {
  const accepted: { transport: Transport; collector: Collector }[] = []
  let look: () => void = () => {}
  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      look = () => {
        if (holds()) resolve()
      }
      look()
    })
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const transport = acceptedTransport(socket)
    const collector = new Collector(() => look())
    transport.user = collector
    accepted.push({ transport, collector })
    transport.start()
    look()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo

  const first = connect(port, '127.0.0.1')
  first.write('one')
  await until(() => accepted.length === 1 && accepted[0]!.collector.text === 'one')
  const second = connect(port, '127.0.0.1')
  second.write('two')
  await until(() => accepted.length === 2 && accepted[1]!.collector.text === 'two')
  t.equal(accepted[0]!.transport.socket.remotePort, first.localPort, 'the caller is known by its address')

  accepted[0]!.transport.pause()
  first.write(' more')
  second.write(' more')
  await until(() => accepted[1]!.collector.text === 'two more')
  t.equal(accepted[0]!.collector.text, 'one', 'a paused connection reads nothing')
  accepted[0]!.transport.resume()
  await until(() => accepted[0]!.collector.text === 'one more')

  const { transport } = accepted[0]!
  const at = transport.reserve(5)
  transport.buffer.write('reply', at, 'latin1')
  transport.length = at + 5
  const [reply] = (await once(first, 'data')) as [Buffer]
  t.equal(reply.toString('latin1'), 'reply')

  first.end()
  await until(() => accepted[0]!.collector.ended)
  t.equal(accepted[0]!.collector.error, undefined, 'half-open: it may still answer')
  transport.end()
  await until(() => accepted[0]!.collector.error !== undefined)
  t.equal(accepted[0]!.collector.error, null)
  second.destroy()
  await until(() => accepted[1]!.collector.ended || accepted[1]!.collector.error !== undefined)
  accepted[1]!.transport.destroy()
  await until(() => accepted[1]!.collector.error !== undefined)
})

t.test('without the internals it needs, an accepted connection is read as any other', async (t) => {
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    const stripped = Object.create(socket, { _handle: { value: {} } }) as typeof socket
    t.equal(acceptedTransport(stripped).socket, stripped)
    socket.destroy()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
  await once(server, 'close')
})

t.test('a defect met while reading costs that connection only', async (t) => {
  const read = new SharedRead()
  const server = createServer((socket) => socket.end('bytes'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', onread: read })
  await once(socket, 'connect')
  const transport = new Transport(socket)
  read.transport = transport
  const closed = new Promise((resolve) => {
    transport.user = {
      read: () => {
        throw new Error('defect')
      },
      readEnd: () => {},
      drained: () => {},
      closed: resolve,
    }
  })
  transport.start()
  t.equal(await closed, null)
  t.ok(socket.destroyed)
  server.close()
})
