import type { Socket } from 'node:net'
import { Http1ServerConnection } from '../../../proxy/codec/http1/server-connection.ts'
import { PREFACE } from '../../../proxy/codec/http2/constants.ts'
import { CONNECTION_WINDOW, MAX_STREAM_WINDOW, STREAM_WINDOW } from '../../../proxy/codec/http2/options.ts'
import { Http2ServerConnection } from '../../../proxy/codec/http2/server-connection.ts'
import { Transport } from '../../../proxy/codec/transport.ts'
import type { Protocol } from '../../../proxy/message/session.ts'
import {
  data,
  type Frame,
  FrameCoder,
  headers,
  type Pairs,
  settings,
  settingsAck,
} from '../../support/frames.ts'
import { ClientBench as Http1ClientBench, MemorySocket, turn } from '../../support/http1-peer.ts'
import { ClientBench as Http2ClientBench, WireSocket } from '../../support/http2-bench.ts'
import { type BenchOptions, ExchangeBench } from './exchange-bench.ts'

/** A request as a test writes it, and as an endpoint got it. */
export interface Message {
  readonly method: string
  readonly path: string
  readonly authority: string
  /** In order, without `te`, `connection` and what frames the body; names in lower case. */
  readonly fields: Pairs
  readonly trailers: Pairs
}

/** What the caller got: the status, and the lines or fields it came with as one text. */
export interface Answer {
  readonly status: number
  readonly text: string
}

const FRAMING = new Set(['te', 'connection', 'transfer-encoding', 'content-length', 'trailer'])

/** A caller and an endpoint that speak bytes, and a listener's exchange between them with both codecs. */
export class WiredBench {
  readonly exchange: ExchangeBench
  readonly #down: DownEnd
  readonly #up: UpEnd

  constructor(from: Protocol, to: Protocol, options: BenchOptions = {}) {
    this.exchange = new ExchangeBench({ endpoints: 1, protocol: from, ...options })
    this.#down = from === 'h2' ? new Http2Down(this.exchange) : new Http1Down(this.exchange)
    this.#up = to === 'h2' ? new Http2Up() : new Http1Up()
    const [pool] = this.exchange.pools
    if (pool !== undefined) pool.session = () => this.#up.bench.connection
  }

  /** Sends a request with a body; what of it reached the endpoint (null: nothing) and what was answered. */
  async ask(message: Partial<Message>): Promise<{ upstream: Message | null; answer: Answer }> {
    const request = { method: 'POST', path: '/', authority: 'a.test', fields: [], trailers: [], ...message }
    this.#down.send(request)
    await turn()
    const upstream = await this.#up.received()
    if (upstream !== null) this.#up.answer()
    await turn()
    return { upstream, answer: await this.#down.answered() }
  }
}

interface DownEnd {
  send(message: Message): void
  answered(): Promise<Answer>
}

class Http1Down implements DownEnd {
  readonly #socket = new MemorySocket()
  readonly #transport = new Transport(this.#socket as unknown as Socket)

  constructor(exchange: ExchangeBench) {
    new Http1ServerConnection(this.#transport, {
      scheme: 'http',
      acceptor: exchange.context,
      wheel: exchange.clock.timers,
    })
  }

  send({ method, path, authority, fields, trailers }: Message): void {
    const head = [
      `${method} ${path} HTTP/1.1`,
      `Host: ${authority}`,
      ...lines(fields),
      'Transfer-Encoding: chunked',
    ]
    const text = `${head.join('\r\n')}\r\n\r\n1\r\nx\r\n0\r\n${lines(trailers)
      .map((line) => `${line}\r\n`)
      .join('')}\r\n`
    this.#transport.received(Buffer.from(text, 'latin1'))
  }

  async answered(): Promise<Answer> {
    await turn()
    const text = this.#socket.written
    this.#socket.written = ''
    return { status: Number(text.slice(9, 12)), text }
  }
}

class Http2Down implements DownEnd {
  readonly #socket = new WireSocket()
  readonly #transport = new Transport(this.#socket as unknown as Socket)
  readonly #coder = new FrameCoder()
  #stream = 1

  constructor(exchange: ExchangeBench) {
    new Http2ServerConnection(
      this.#transport,
      {
        timers: exchange.clock.timers,
        streamWindow: STREAM_WINDOW,
        maxStreamWindow: MAX_STREAM_WINDOW,
        connectionWindow: CONNECTION_WINDOW,
        maxHeadBytes: 65536,
        maxFields: 100,
        idleMs: 0,
        headMs: 10_000,
        maxStreams: 100,
        limitReached: () => {},
      },
      exchange.context,
      { sessionClosed: () => {} },
    )
    this.#transport.received(Buffer.from(PREFACE))
    this.#write(settings(), settingsAck())
  }

  #write(...frames: Frame[]): void {
    this.#transport.received(Buffer.concat(frames.map((frame) => this.#coder.write(frame))))
  }

  send({ method, path, authority, fields, trailers }: Message): void {
    const pseudo: Pairs = [
      [':method', method],
      [':scheme', 'http'],
      [':path', path],
      [':authority', authority],
    ]
    const body = data(this.#stream, 'x', trailers.length === 0)
    this.#write(headers(this.#stream, [...pseudo, ...fields]), body)
    if (trailers.length > 0) this.#write(headers(this.#stream, trailers, true))
    this.#stream += 2
  }

  async answered(): Promise<Answer> {
    this.#transport.flush()
    const frames = this.#coder.read(Buffer.concat(this.#socket.written))
    this.#socket.written = []
    const head = frames.find((frame) => frame.type === 'HEADERS')
    const fields = head?.type === 'HEADERS' ? head.fields : []
    return { status: Number(fieldOf(fields, ':status')), text: JSON.stringify(frames) }
  }
}

interface UpEnd {
  readonly bench: Http1ClientBench | Http2ClientBench
  /** What came since last asked. */
  received(): Promise<Message | null>
  answer(): void
}

class Http1Up implements UpEnd {
  readonly bench = new Http1ClientBench()

  async received(): Promise<Message | null> {
    const text = await this.bench.sent()
    if (text === '') return null
    const [head = '', body = ''] = split(text, '\r\n\r\n')
    const [first = '', ...rest] = head.split('\r\n')
    const [method = '', path = ''] = first.split(' ')
    const all = rest.map(pair)
    return {
      method,
      path,
      authority: fieldOf(all, 'host'),
      fields: all.filter(([name]) => name !== 'host' && !FRAMING.has(name)),
      trailers: (split(body, '0\r\n')[1] ?? '')
        .split('\r\n')
        .filter((line) => line !== '')
        .map(pair),
    }
  }

  answer(): void {
    this.bench.receive('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  }
}

class Http2Up implements UpEnd {
  readonly bench = new Http2ClientBench()
  #stream = 0

  async received(): Promise<Message | null> {
    const [head, trailers] = this.bench.take().filter((frame) => frame.type === 'HEADERS')
    if (head?.type !== 'HEADERS') return null
    this.#stream = head.stream
    return {
      method: fieldOf(head.fields, ':method'),
      path: fieldOf(head.fields, ':path'),
      authority: fieldOf(head.fields, ':authority'),
      fields: head.fields.filter(([name]) => !name.startsWith(':') && !FRAMING.has(name)),
      trailers: trailers?.type === 'HEADERS' ? trailers.fields : [],
    }
  }

  answer(): void {
    this.bench.send(headers(this.#stream, { ':status': '200' }, true))
  }
}

function lines(fields: Pairs): string[] {
  return fields.map(([name, value]) => `${name}: ${value}`)
}

function pair(line: string): readonly [string, string] {
  const [name = '', value = ''] = split(line, ': ')
  return [name.toLowerCase(), value]
}

function split(text: string, at: string): [string, string?] {
  const from = text.indexOf(at)
  return from < 0 ? [text] : [text.slice(0, from), text.slice(from + at.length)]
}

export function fieldOf(fields: Pairs, name: string): string {
  return fields.find(([known]) => known === name)?.[1] ?? ''
}
