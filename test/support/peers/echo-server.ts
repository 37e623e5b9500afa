import * as grpc from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import { Changes } from './changes.ts'
import {
  type AnyCall,
  type DuplexCall,
  EchoCall,
  EchoFailure,
  type EchoRecord,
  messagesOf,
  type ReadableCall,
  type UnaryCall,
  type WritableCall,
} from './echo-call.ts'
import { ECHO_DESCRIPTOR, type EchoMethod, type EchoReply, type EchoRequest } from './echo-descriptor.ts'
import type { TlsMaterial } from './tls-material.ts'

export const ECHO_SERVICE = fromJSON(ECHO_DESCRIPTOR, { keepCase: true, defaults: true })[
  'pillion.test.Echo'
] as grpc.ServiceDefinition

/** Calls kept in `calls`; the oldest goes first. */
const RECORD_LIMIT = 1000

export interface EchoServerOptions {
  /** Value of the `x-instance` field of every answer, "echo" by default. */
  readonly name?: string
  /** TCP port, 0 (a free one) by default. */
  readonly port?: number
  readonly tls?: TlsMaterial
  readonly channelOptions?: grpc.ServerOptions
}

/**
 * The gRPC service `pillion.test.Echo`. Besides what a request message asks for (see EchoRequest), metadata of the
 * request comes back: names that begin with `echo-initial-` in the initial metadata, with `echo-trailer-` in the
 * trailers.
 */
export class EchoServer {
  readonly #server: grpc.Server
  readonly #instance: string
  readonly #active = new Set<EchoCall>()
  readonly #changes = new Changes()
  port = 0
  /** What the server saw, the latest 1000 calls. */
  readonly calls: EchoRecord[] = []
  /** Calls since the start, by how they ended. */
  begun = 0
  finished = 0
  cancelled = 0

  constructor(options: EchoServerOptions) {
    this.#instance = options.name ?? 'echo'
    this.#server = new grpc.Server({
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      ...options.channelOptions,
    })
    this.#server.addService(ECHO_SERVICE, {
      Unary: (call: UnaryCall, reply: Reply) => this.#single('Unary', call, [call.request], reply),
      ClientStream: (call: ReadableCall, reply: Reply) =>
        this.#single('ClientStream', call, messagesOf(call), reply),
      ServerStream: (call: WritableCall) => this.#streamed('ServerStream', call, [call.request]),
      BidiStream: (call: DuplexCall) => this.#streamed('BidiStream', call, messagesOf(call)),
    })
  }

  /** Calls under way. */
  get active(): number {
    return this.#active.size
  }

  /** Waits for a state, such as `when('two cancelled', () => echo.cancelled === 2)`; rejects after 20 s. */
  when(what: string, holds: () => boolean): Promise<void> {
    return this.#changes.when(what, holds)
  }

  /** Lets every held call go on. */
  release(): void {
    for (const call of this.#active) call.release()
  }

  listen(port: number, credentials: grpc.ServerCredentials): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => {
        this.port = bound
        if (error === null) resolve()
        else reject(error)
      })
    })
  }

  /** GOAWAY on every connection; resolves when the last call has ended. */
  drain(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)))
    })
  }

  /** Stops at once; calls under way are cut off. */
  async close(): Promise<void> {
    this.#server.forceShutdown()
    await this.#changes.when('every call to end after forceShutdown', () => this.#active.size === 0)
  }

  #begin(method: EchoMethod, surface: AnyCall): EchoCall {
    const call = new EchoCall(method, surface)
    this.begun += 1
    this.#active.add(call)
    this.calls.push(call.record)
    if (this.calls.length > RECORD_LIMIT) this.calls.shift()
    const events: NodeJS.EventEmitter = surface
    events.on('cancelled', () => {
      if (call.record.state === 'active') {
        this.cancelled += 1
        call.cancelled()
      }
      this.#end(call)
    })
    const initial = echoed(surface.metadata, 'echo-initial-')
    initial.set('x-instance', this.#instance)
    surface.sendMetadata(initial)
    this.#changes.notify()
    return call
  }

  #end(call: EchoCall): void {
    if (call.record.state === 'active') {
      call.record.state = 'finished'
      this.finished += 1
    }
    this.#active.delete(call)
    this.#changes.notify()
  }

  async #single(
    method: EchoMethod,
    surface: UnaryCall | ReadableCall,
    requests: Iterable<EchoRequest> | AsyncIterable<EchoRequest>,
    reply: Reply,
  ): Promise<void> {
    const call = this.#begin(method, surface)
    const trailers = echoed(surface.metadata, 'echo-trailer-')
    let first: EchoRequest = {}
    try {
      for await (const request of requests) {
        if (call.record.received === 0) first = request
        call.take(request)
        this.#changes.notify()
        await call.finishMessage(request)
      }
      await call.delay(first)
      if (call.record.state === 'active') reply(null, call.reply(first), trailers)
    } catch (error) {
      if (call.record.state === 'active') reply(failure(error, trailers))
    }
    this.#end(call)
  }

  async #streamed(
    method: EchoMethod,
    surface: WritableCall | DuplexCall,
    requests: Iterable<EchoRequest> | AsyncIterable<EchoRequest>,
  ): Promise<void> {
    const call = this.#begin(method, surface)
    const trailers = echoed(surface.metadata, 'echo-trailer-')
    try {
      for await (const request of requests) {
        call.take(request)
        this.#changes.notify()
        await call.replyTo(request, surface)
        await call.finishMessage(request)
      }
      if (call.record.state === 'active') surface.end(trailers)
    } catch (error) {
      if (call.record.state === 'active') surface.emit('error', failure(error, trailers))
    }
    this.#end(call)
  }
}

/** Starts an Echo server on 127.0.0.1. */
export async function startEcho(options: EchoServerOptions = {}): Promise<EchoServer> {
  const server = new EchoServer(options)
  await server.listen(options.port ?? 0, serverCredentials(options.tls))
  return server
}

function serverCredentials(tls: TlsMaterial | undefined): grpc.ServerCredentials {
  if (tls === undefined) return grpc.ServerCredentials.createInsecure()
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }
  const roots = tls.ca === undefined ? null : Buffer.from(tls.ca)
  return grpc.ServerCredentials.createSsl(roots, [pair], roots !== null)
}

function echoed(from: grpc.Metadata, prefix: string): grpc.Metadata {
  const out = new grpc.Metadata()
  for (const name of Object.keys(from.getMap())) {
    if (!name.startsWith(prefix)) continue
    for (const value of from.get(name)) out.add(name, value)
  }
  return out
}

function failure(error: unknown, metadata: grpc.Metadata): Partial<grpc.StatusObject> {
  if (error instanceof EchoFailure) return { code: error.code, details: error.details, metadata }
  return { code: grpc.status.INTERNAL, details: `echo server: ${error}`, metadata }
}

type Reply = grpc.sendUnaryData<EchoReply>
