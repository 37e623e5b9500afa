import { DEFAULT_LIMITS, type Http1Limits } from '../../../proxy/codec/http1/limits.ts'
import { Http1ServerConnection } from '../../../proxy/codec/http1/server-connection.ts'
import type { Head } from '../../../proxy/message/head.ts'
import type { MessageStream } from '../../../proxy/message/stream.ts'
import { Chooser, generateRequest, HTTP1_TOKENS } from '../../support/http1-generator.ts'
import { type ParsedMessage, parseWithLlhttp } from '../../support/llhttp.ts'
import { ConnectionRun, type Fuzzed } from '../connection-run.ts'
import { gistOf, type Note, promise, type Target } from '../target.ts'
import { WatchedStream } from '../watched-stream.ts'

/** Small, so that they are met. */
export const SMALL_LIMITS: Http1Limits = {
  ...DEFAULT_LIMITS,
  headBytes: 1000,
  fields: 20,
  windowBytes: 200,
  pipelineBytes: 500,
  drainBytes: 300,
}

const UPGRADES = [
  'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\nbytes of the tunnel',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo/1\r\n\r\nbytes of the tunnel',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nbytes',
]

/** The first two bytes choose what our side does; the rest comes from the client. */
export const http1Server: Target = {
  name: 'http1-server',
  about: 'a server connection of HTTP/1.1 and everything a client may send',
  maxBytes: 3000,
  seeds: () => [
    ...[3, 50, 99, 200].flatMap((choice) =>
      UPGRADES.map((text) => Buffer.from(`${String.fromCharCode(choice, 1)}${text}`, 'latin1')),
    ),
    ...Array.from({ length: 40 }, (_, i) => {
      const chooser = new Chooser(i + 1)
      let text = String.fromCharCode(i * 5, 0)
      for (let n = 0; n <= i % 4; n++) text += generateRequest(chooser, i < 20 ? 0 : 0.05)
      return Buffer.from(text, 'latin1')
    }),
  ],
  dictionary: HTTP1_TOKENS.map((text) => Buffer.from(text, 'latin1')),
  mutate: null,
  run: (input, note) => new ServerRun(input, note).run(),
}

class ServerRun extends ConnectionRun {
  #connection!: Http1ServerConnection

  protected connect(): Fuzzed {
    this.#connection = new Http1ServerConnection(this.transport, {
      scheme: 'http',
      acceptor: { request: (stream, head, end) => this.#request(stream, head, end) },
      wheel: this.clock.timers,
      limits: SMALL_LIMITS,
      halfClose: this.chooser.often(0.5),
      onClosed: () => {
        this.closed += 1
      },
      onRefused: (reason) => this.note(`refused ${gistOf(reason)}`),
    })
    return this.#connection
  }

  #request(stream: MessageStream, head: Head, end: boolean): void {
    promise(
      this.streams.every((other) => other.settled || other.outgoing === 1),
      'a request before the last one was answered',
    )
    const watched = new WatchedStream(true, head.method, this.chooser, this.note, true, head.tunnel)
    watched.stream = stream
    watched.expect(head.contentLength)
    if (end) watched.incoming = 1
    stream.receiver = watched
    stream.source = watched
    this.streams.push(watched)
    this.note(`request ${end} ${head.contentLength >= 0} ${Math.min(5, this.streams.length)}`)
    for (let n = this.chooser.below(4); n > 0; n--) watched.act()
  }

  protected step(): void {}

  protected check(): void {
    const { kept } = this.#connection as unknown as { kept: number }
    promise(kept <= SMALL_LIMITS.pipelineBytes + SMALL_LIMITS.headBytes + 3000, 'input without end is kept')
    promise(this.#connection.active <= 1, 'two requests at a time')
  }

  protected checkEnd(): void {
    const { kept } = this.#connection as unknown as { kept: number }
    promise(kept === 0, 'input is kept behind the end')
  }

  protected checkOutput(output: Buffer): void {
    const parsed = parseWithLlhttp(
      output,
      'response',
      (i) => this.streams[i]?.method === 'HEAD',
      output.length,
    )
    const cut = this.socket.wasReset || !this.socket.ended
    checkWire(parsed.error, parsed.messages, output, cut, this.note)
    const finals = parsed.messages.filter(({ status }) => status >= 200)
    promise(finals.length <= this.streams.length + 1, 'more responses than requests')
    for (const [i, message] of finals.entries()) checkBody(message, this.streams[i], cut)
  }
}

/** What is on the wire must be messages that a strict peer reads; only the last may be cut, where the connection was. */
export function checkWire(
  error: string,
  messages: readonly ParsedMessage[],
  output: Buffer,
  cut: boolean,
  note: Note,
): void {
  const readable = error === '' || (cut && error === 'HPE_INVALID_EOF_STATE')
  promise(
    readable,
    `output that llhttp refuses: ${error}: ${JSON.stringify(output.toString('latin1', 0, 300))}`,
  )
  const last = messages.slice(-2).map(({ status, end }) => `${status} ${end >= 0}`)
  note(`wire ${Math.min(4, messages.length)} ${last.join()}`)
}

/** `watched` is undefined for a reply of the codec's own. */
export function checkBody(message: ParsedMessage, watched: WatchedStream | undefined, cut: boolean): void {
  if (watched === undefined || message.upgrade) return
  const ours = message.fields.some(([name]) => name === 'x-pillion-reason')
  if (ours) return
  promise(watched.sentText.startsWith(message.body), 'other bytes on the wire than the application gave')
  const whole = message.body === watched.sentText && watched.outgoing === 1
  if (message.end >= 0 && !cut) promise(whole, 'a body that looks complete and is not')
}
