import { randomInt } from 'node:crypto'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { connect, isIPv6, type Socket } from 'node:net'
import type { ResolverAddress } from '../../../config/types/discovery.ts'
import { type Deadline, Timer, type TimerWheel } from '../../base/timer-wheel.ts'
import { decodeReply, encodeQuestion, type Question, type Reply } from './message.ts'

/** A reply, or why there is none: one word for metrics, and what completes "DNS for x: ...". */
export type QueryResult = Reply | { readonly failure: 'timeout' | 'unreachable'; readonly why: string }

export interface QueryOptions {
  readonly server: ResolverAddress
  readonly question: Question
  readonly edns: boolean
  readonly timeoutMs: number
  readonly timers: TimerWheel
}

/**
 * One question to one server: over UDP, and over TCP when the answer does not fit there (RFC 1035 §4.2).
 *
 * Who wants to slip in an answer has to guess id and port, both new and random for each query, and the address of the
 * server: the socket is connected, so that the kernel drops what comes from elsewhere.
 */
export class Query implements Deadline {
  readonly #options: QueryOptions
  readonly #done: (result: QueryResult) => void
  readonly #timer = new Timer(this, 0)
  readonly #id = randomInt(0x1_0000)
  readonly #message: Buffer
  #udp: UdpSocket | null = null
  #tcp: Socket | null = null
  #over = false

  /**
   * `done` is called once, never before this returns, and not after `cancel`. Throws an Error when the name cannot be
   * written: an alias may lead to anything.
   */
  constructor(options: QueryOptions, done: (result: QueryResult) => void) {
    this.#message = encodeQuestion(options.question, this.#id, options.edns)
    this.#options = options
    this.#done = done
    options.timers.arm(this.#timer, options.timeoutMs)
    this.#askOverUdp()
  }

  cancel(): void {
    if (this.#over) return
    this.#over = true
    this.#options.timers.disarm(this.#timer)
    this.#udp?.close()
    this.#tcp?.destroy()
    this.#udp = null
    this.#tcp = null
  }

  expired(): void {
    const ms = this.#options.timeoutMs
    this.#finish({ failure: 'timeout', why: `no answer from ${this.#server} within ${ms} ms` })
  }

  get #server(): string {
    const { host, port } = this.#options.server
    return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
  }

  #askOverUdp(): void {
    const { server, question } = this.#options
    const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4')
    this.#udp = socket
    socket.unref()
    socket.on('error', (error) => this.#broken(error))
    socket.on('message', (bytes) => {
      const reply = decodeReply(bytes, question, this.#id)
      if (reply === null || this.#over) return
      if (!reply.truncated) return this.#finish(reply)
      this.#udp = null
      socket.close()
      this.#askOverTcp()
    })
    socket.connect(server.port, server.host, (error?: Error) => {
      if (this.#over) return
      if (error) this.#broken(error)
      else socket.send(this.#message)
    })
  }

  #askOverTcp(): void {
    const { server, question } = this.#options
    const socket = connect({ host: server.host, port: server.port })
    this.#tcp = socket
    socket.unref()
    let received: Buffer = Buffer.alloc(0)
    socket.on('connect', () => {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(this.#message.length)
      socket.write(Buffer.concat([length, this.#message]))
    })
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      if (this.#over || received.length < 2) return
      const length = received.readUInt16BE(0)
      if (received.length < 2 + length) return
      const reply = decodeReply(received.subarray(2, 2 + length), question, this.#id)
      if (reply === null || reply.truncated) this.#fail('its answer over TCP cannot be read')
      else this.#finish(reply)
    })
    socket.on('error', (error) => this.#broken(error))
    socket.on('close', () => this.#fail('it closed the connection without an answer'))
  }

  #broken(error: Error): void {
    const code = 'code' in error ? String(error.code) : error.message
    this.#fail(code === 'ECONNREFUSED' ? 'no name server is there (ECONNREFUSED)' : code)
  }

  #fail(why: string): void {
    this.#finish({ failure: 'unreachable', why: `${this.#server}: ${why}` })
  }

  #finish(result: QueryResult): void {
    if (this.#over) return
    this.cancel()
    this.#done(result)
  }
}
