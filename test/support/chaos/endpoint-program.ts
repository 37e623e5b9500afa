// One endpoint of the chaos test as a process: `endpoint-program.ts NAME HTTP1-PORT HTTP2-PORT GRPC-PORT`.
// Prints `{"control":PORT}`; `POST /MODE` there changes how it behaves.

import { createServer as createHttp1 } from 'node:http'
import { createServer as createHttp2 } from 'node:http2'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type * as grpcTypes from '@grpc/grpc-js'
import { GREETER_DESCRIPTOR } from '../../../examples/demo/services/descriptors.ts'
import { loadGrpc } from '../../../examples/demo/services/grpc.ts'
import { HealthService } from '../../../examples/demo/services/health.ts'
import { isMode, type Mode } from './fault.ts'

/** Milliseconds that an answer takes: requests are under way when something happens. */
const USUAL = [5, 25] as const
const SLOW = 250

const [name = '', ...ports] = process.argv.slice(2)
const [http1Port, http2Port, grpcPort] = ports.map(Number)
let mode: Mode = 'fine'

/** Listens for one protocol, and can reset what is connected. */
class Front {
  readonly server: Server
  readonly #sockets = new Set<Socket>()

  constructor(take: (socket: Socket) => void) {
    this.server = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {})
      if (mode === 'refuse') {
        socket.resetAndDestroy()
        return
      }
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      take(socket)
    })
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  listen(port: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject)
      this.server.listen(port, '127.0.0.1', resolve)
    })
  }
}

function work(): Promise<void> {
  return sleep(mode === 'slow' ? SLOW : USUAL[0] + Math.random() * (USUAL[1] - USUAL[0]))
}

/** The status that a request gets when its time has come; null: its connection was reset. */
async function statusFor(path: string | undefined, front: Front): Promise<number | null> {
  if (path === '/healthz') return 200
  if (mode === 'error') return 503
  await work()
  if (mode !== 'cut' && mode !== 'half') return 200
  front.reset()
  return null
}

const http1 = createHttp1(async (request, response) => {
  response.on('error', () => {})
  const status = await statusFor(request.url, http1Front)
  if (status === null) return
  // Head and body leave in one write: what is torn in the middle, nobody can mend.
  response.writeHead(status, { 'x-instance': name }).end('hello\n')
})
http1.keepAliveTimeout = 0
const http1Front = new Front((socket) => http1.emit('connection', socket))

const http2 = createHttp2()
http2.on('session', (session) => session.on('error', () => {}))
http2.on('stream', async (stream, headers) => {
  stream.on('error', () => {})
  const status = await statusFor(headers[':path'], http2Front)
  if (status === null || stream.destroyed) return
  // A head alone: Node sends the end of a body in a later write than the body.
  stream.respond({ ':status': status, 'x-instance': name }, { endStream: true })
})
const http2Front = new Front((socket) => http2.emit('connection', socket))

const packages = await loadGrpc()
const { grpc } = packages
const calls = new grpc.Server()
calls.addService(packages.service(GREETER_DESCRIPTOR, 'example.Greeter'), {
  SayHello: (call: grpcTypes.ServerUnaryCall<object, object>, reply: grpcTypes.sendUnaryData<object>) =>
    void greet(call, reply),
})
new HealthService(calls, packages, ['example.Greeter'])
const injector = calls.createConnectionInjector(grpc.ServerCredentials.createInsecure())
const grpcFront = new Front((socket) => injector.injectConnection(socket))

async function greet(
  call: grpcTypes.ServerUnaryCall<object, object>,
  reply: grpcTypes.sendUnaryData<object>,
): Promise<void> {
  if (mode === 'error') {
    reply({ code: grpc.status.UNAVAILABLE, details: 'out of order' })
    return
  }
  await work()
  if (mode === 'cut') {
    grpcFront.reset()
    return
  }
  const metadata = new grpc.Metadata()
  metadata.set('x-instance', name)
  call.sendMetadata(metadata)
  if (mode === 'half') {
    // The head of the response leaves in the next turn, and nothing follows.
    setImmediate(() => setImmediate(() => grpcFront.reset()))
    return
  }
  reply(null, { message: 'hello' })
}

// Nobody would end it any more.
const parent = process.ppid
setInterval(() => process.ppid === parent || process.exit(), 1000).unref()

await Promise.all([http1Front.listen(http1Port), http2Front.listen(http2Port), grpcFront.listen(grpcPort)])
const fronts = [http1Front, http2Front, grpcFront]
const control = createHttp1((request, response) => {
  const wanted = request.url?.slice(1) ?? ''
  if (isMode(wanted)) mode = wanted
  else response.statusCode = 400
  if (mode === 'refuse') for (const front of fronts) front.reset()
  response.end()
})
control.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ control: (control.address() as AddressInfo).port })}\n`)
})
