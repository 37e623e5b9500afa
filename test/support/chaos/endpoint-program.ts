// One endpoint of the chaos test as a process: `endpoint-program.ts NAME HTTP1-PORT HTTP2-PORT GRPC-PORT`.
// Prints `{"control":PORT}`; `POST /MODE` there changes how it behaves.

import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from 'node:http'
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

/** What both HTTP servers answer. The members have the same meaning in both kinds of response. */
async function answer(request: IncomingMessage, response: ServerResponse, front: Front): Promise<void> {
  response.on('error', () => {})
  request.resume()
  response.setHeader('x-instance', name)
  if (request.url === '/healthz') {
    response.end('fine\n')
    return
  }
  if (mode !== 'error') await work()
  if (mode === 'cut' || mode === 'half') {
    front.reset()
    return
  }
  response.statusCode = mode === 'error' ? 503 : 200
  response.end('hello\n')
}

const http1 = createHttp1((request, response) => void answer(request, response, http1Front))
http1.keepAliveTimeout = 0
const http1Front = new Front((socket) => http1.emit('connection', socket))

const http2 = createHttp2((request, response) => {
  void answer(request as unknown as IncomingMessage, response as unknown as ServerResponse, http2Front)
})
http2.on('session', (session) => session.on('error', () => {}))
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
    // The head of the response has left, and nothing follows.
    await sleep(2)
    grpcFront.reset()
    return
  }
  reply(null, { message: 'hello' })
}

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
