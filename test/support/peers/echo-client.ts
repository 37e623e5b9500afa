import { once } from 'node:events'
import * as grpc from '@grpc/grpc-js'
import type { EchoMethod, EchoReply, EchoRequest } from './echo-descriptor.ts'
import { ECHO_SERVICE } from './echo-server.ts'
import type { TlsMaterial } from './tls-material.ts'

export interface EchoClientOptions {
  /** `:authority` of the calls, the address dialled by default. */
  readonly authority?: string
  readonly tls?: TlsMaterial
  readonly channelOptions?: grpc.ClientOptions
}

export interface EchoCallOptions {
  /** Names that end in `-bin` take a Buffer. */
  readonly metadata?: Record<string, string | Buffer>
  /** Milliseconds from now. */
  readonly deadlineMs?: number
}

/** How a call ended. */
export interface EchoOutcome {
  /** gRPC status, 0 is OK. */
  readonly code: number
  readonly details: string
  /** Initial metadata, empty when none came. */
  readonly initial: grpc.Metadata
  readonly trailers: grpc.Metadata
  /** Replies of the whole call that were not taken from `replies` before: all of them where that is not read. */
  readonly replies: EchoReply[]
}

/** A call under way. */
export class EchoClientCall {
  readonly #call: grpc.ClientDuplexStream<EchoRequest, EchoReply>
  /** Never rejects. */
  readonly outcome: Promise<EchoOutcome>
  readonly #unread: EchoReply[] = []
  #waiting: (() => void) | null = null
  #over = false

  constructor(call: grpc.ClientDuplexStream<EchoRequest, EchoReply>) {
    this.#call = call
    let initial = new grpc.Metadata()
    call.on('metadata', (metadata: grpc.Metadata) => {
      initial = metadata
    })
    call.on('data', (reply: EchoReply) => {
      this.#unread.push(reply)
      this.#waiting?.()
    })
    // The status event says the same.
    call.on('error', () => {})
    this.outcome = new Promise((resolve) => {
      call.on('status', ({ code, details, metadata }: grpc.StatusObject) => {
        this.#over = true
        this.#waiting?.()
        resolve({ code, details, initial, trailers: metadata, replies: this.#unread })
      })
    })
  }

  /** Sends one message; resolves when more may be sent (the transport's backpressure). */
  async send(request: EchoRequest): Promise<void> {
    if (this.#over) return
    if (!this.#call.write(request)) await Promise.race([once(this.#call, 'drain'), this.outcome])
  }

  /** No more messages. */
  end(): void {
    this.#call.end()
  }

  cancel(): void {
    this.#call.cancel()
  }

  /** Stops and resumes reading replies, for tests of backpressure. */
  pause(): void {
    this.#call.pause()
  }

  resume(): void {
    this.#call.resume()
  }

  /** The next reply, null when the call is over. */
  async next(): Promise<EchoReply | null> {
    while (this.#unread.length === 0 && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
    return this.#unread.shift() ?? null
  }
}

/** A client of `pillion.test.Echo` with a connection of its own. */
export class EchoClient {
  readonly #client: grpc.Client

  /** `address` is `host:port`. */
  constructor(address: string, options: EchoClientOptions = {}) {
    const { tls, authority } = options
    const credentials =
      tls === undefined
        ? grpc.credentials.createInsecure()
        : grpc.credentials.createSsl(
            Buffer.from(tls.ca ?? tls.cert),
            Buffer.from(tls.key),
            Buffer.from(tls.cert),
          )
    this.#client = new grpc.Client(address, credentials, {
      // Clients in one process would share connections otherwise.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      ...(authority === undefined ? {} : { 'grpc.default_authority': authority }),
      ...options.channelOptions,
    })
  }

  /** One request, one reply (`outcome.replies[0]`). */
  unary(request: EchoRequest = {}, options: EchoCallOptions = {}): Promise<EchoOutcome> {
    const call = this.start('Unary', options)
    call.send(request)
    call.end()
    return call.outcome
  }

  /** Sends all requests, as fast as the transport takes them; one reply. */
  async clientStream(
    requests: Iterable<EchoRequest> | AsyncIterable<EchoRequest>,
    options: EchoCallOptions = {},
  ): Promise<EchoOutcome> {
    const call = this.start('ClientStream', options)
    for await (const request of requests) await call.send(request)
    call.end()
    return call.outcome
  }

  serverStream(request: EchoRequest = {}, options: EchoCallOptions = {}): EchoClientCall {
    const call = this.start('ServerStream', options)
    call.send(request)
    call.end()
    return call
  }

  bidiStream(options: EchoCallOptions = {}): EchoClientCall {
    return this.start('BidiStream', options)
  }

  /** Begins a call of any method; to the wire all are streams. */
  start(method: EchoMethod, options: EchoCallOptions = {}): EchoClientCall {
    const definition = ECHO_SERVICE[method] as grpc.MethodDefinition<EchoRequest, EchoReply>
    const metadata = new grpc.Metadata()
    for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value)
    const call = this.#client.makeBidiStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize,
      metadata,
      options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs },
    )
    return new EchoClientCall(call)
  }

  close(): void {
    this.#client.close()
  }
}
