import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  Metadata,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js'
import type { EchoMethod, EchoReply, EchoRequest } from './echo-descriptor.ts'
import { pattern } from './pattern.ts'

export type UnaryCall = ServerUnaryCall<EchoRequest, EchoReply>
export type ReadableCall = ServerReadableStream<EchoRequest, EchoReply>
export type WritableCall = ServerWritableStream<EchoRequest, EchoReply>
export type DuplexCall = ServerDuplexStream<EchoRequest, EchoReply>
export type AnyCall = UnaryCall | ReadableCall | WritableCall | DuplexCall

/** What the server saw of one call. */
export interface EchoRecord {
  readonly method: EchoMethod
  /** Metadata of the request. */
  readonly metadata: Metadata
  /** Milliseconds that were left until the caller's deadline when the call arrived, null without a deadline. */
  readonly deadlineMs: number | null
  readonly peer: string
  received: number
  receivedBytes: number
  sent: number
  state: 'active' | 'finished' | 'cancelled'
}

/** Ends a call with a status other than OK. */
export class EchoFailure {
  readonly code: number
  readonly details: string

  constructor(code: number, details: string) {
    this.code = code
    this.details = details
  }
}

/** A call under way, whatever its kind: waits end when the caller cancels. */
export class EchoCall {
  readonly record: EchoRecord
  readonly #cancel = new AbortController()
  #release: (() => void) | null = null

  constructor(method: EchoMethod, call: AnyCall) {
    const deadline = call.getDeadline()
    const at = deadline instanceof Date ? deadline.getTime() : deadline
    this.record = {
      method,
      metadata: call.metadata,
      deadlineMs: Number.isFinite(at) ? at - Date.now() : null,
      peer: call.getPeer(),
      received: 0,
      receivedBytes: 0,
      sent: 0,
      state: 'active',
    }
  }

  cancelled(): void {
    this.record.state = 'cancelled'
    this.#cancel.abort()
  }

  release(): void {
    this.#release?.()
  }

  take(request: EchoRequest): void {
    this.record.received += 1
    this.record.receivedBytes += request.payload?.length ?? 0
  }

  /** The next reply; replies are numbered in the order they are made. */
  reply(request: EchoRequest): EchoReply {
    const { record } = this
    const payload = request.reply_bytes ? pattern(request.reply_bytes) : (request.payload ?? Buffer.alloc(0))
    const reply = {
      payload,
      index: record.sent,
      received: record.received,
      received_bytes: record.receivedBytes,
    }
    record.sent += 1
    return reply
  }

  async delay(request: EchoRequest): Promise<void> {
    if (request.delay_ms) await sleep(request.delay_ms, undefined, { signal: this.#cancel.signal })
  }

  /** @throws EchoFailure when the request asks for a status */
  async finishMessage(request: EchoRequest): Promise<void> {
    if (request.hold) {
      await new Promise<void>((resolve, reject) => {
        this.#release = resolve
        this.#cancel.signal.addEventListener('abort', () => reject(new Error('cancelled')), { once: true })
      })
      this.#release = null
    }
    if (request.status) throw new EchoFailure(request.status, request.status_message ?? '')
  }

  /** Answers one message of a call with streamed replies. */
  async replyTo(request: EchoRequest, out: Writable): Promise<void> {
    for (let i = 0; i < (request.messages || 1); i++) {
      await this.delay(request)
      if (this.record.state !== 'active') return
      if (!out.write(this.reply(request))) await once(out, 'drain', { signal: this.#cancel.signal })
    }
  }
}

/** The request messages; leaving the loop early does not destroy the call. */
export function messagesOf(call: Readable): AsyncIterable<EchoRequest> {
  return { [Symbol.asyncIterator]: () => call.iterator({ destroyOnReturn: false }) }
}
