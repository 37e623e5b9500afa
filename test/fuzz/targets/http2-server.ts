import { CONTINUATION, HEADERS, PREFACE } from '../../../proxy/codec/http2/constants.ts'
import { Http2ServerConnection } from '../../../proxy/codec/http2/server-connection.ts'
import type { Head } from '../../../proxy/message/head.ts'
import type { MessageStream } from '../../../proxy/message/stream.ts'
import {
  data,
  FrameCoder,
  GET,
  headers,
  POST,
  ping,
  pingAck,
  raw,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../../support/frames.ts'
import { LIMITS } from '../../support/http2-bench.ts'
import { ConnectionRun, type Fuzzed } from '../connection-run.ts'
import { FRAME_DICTIONARY, frameSeed, mutateFrames } from '../frame-mutations.ts'
import { Http2Output } from '../http2-output.ts'
import { promise, type Target } from '../target.ts'
import { WatchedStream } from '../watched-stream.ts'

const CONNECTION_WINDOW = 100_000
const MAX_STREAMS = 10

/** The first two bytes choose what our side does; the rest comes from the client, behind the connection preface. */
export const http2Server: Target = {
  name: 'http2-server',
  about: 'a server connection of HTTP/2 and everything a client may send',
  maxBytes: 4096,
  seeds,
  dictionary: FRAME_DICTIONARY,
  mutate: (input, pick) => mutateFrames(input, 2, pick),
  run: (input, note) => new ServerRun(input, note).run(),
}

function seeds(): Buffer[] {
  const post = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': '/a',
    ':authority': 'a.test',
    'content-length': '5',
  }
  const tunnel = { ...Object.fromEntries(GET), ':method': 'CONNECT', ':protocol': 'websocket' }
  const lives = [
    [
      headers(1, tunnel),
      data(1, 'bytes'),
      headers(3, { ':method': 'CONNECT', ':authority': 'a:80' }),
      data(3, 'x', true),
    ],
    [headers(1, GET, true), headers(3, POST), data(3, 'hello', true)],
    [headers(1, post), data(1, 'hel'), data(1, 'lo', true), headers(3, GET, true), rstStream(3, 'CANCEL')],
    [headers(1, POST), data(1, 'padded', false, 5), headers(1, { 'x-sum': '1' }, true), ping(), pingAck()],
    [
      settings({ 4: 0 }),
      headers(1, GET, true),
      windowUpdate(1, 3),
      windowUpdate(0, 70_000),
      settings({ 4: 100 }),
    ],
    [raw(HEADERS, 0, 1, new FrameCoder().block(GET)), raw(CONTINUATION, 4, 1), headers(5, GET, true)],
    [settings({ 1: 0, 5: 20_000, 3: 5 }), ...[1, 3, 5, 7, 9, 11, 13].map((id) => headers(id, POST))],
  ]
  return lives.flatMap((frames, i) =>
    [0, 50, 99].map((choice) =>
      frameSeed(Buffer.from([choice, i]), new FrameCoder(), [settings(), settingsAck(), ...frames]),
    ),
  )
}

class ServerRun extends ConnectionRun {
  #connection!: Http2ServerConnection

  protected connect(): Fuzzed {
    const connection = new Http2ServerConnection(
      this.transport,
      {
        ...LIMITS,
        timers: this.clock.timers,
        connectionWindow: CONNECTION_WINDOW,
        streamWindow: 1000,
        maxStreamWindow: 4000,
        maxHeadBytes: 1000,
        maxFields: 20,
        maxStreams: MAX_STREAMS,
        idleMs: 60_000,
      },
      { request: (stream, head, end) => this.#request(stream, head, end) },
      {
        sessionClosed: () => {
          this.closed += 1
        },
      },
    )
    this.#connection = connection
    this.transport.received(Buffer.from(PREFACE))
    return connection
  }

  #request(stream: MessageStream, head: Head, end: boolean): void {
    promise(head.method !== '' && head.status === 0, 'a request that is none')
    const watched = new WatchedStream(true, head.method, this.chooser, this.note, false, head.tunnel)
    watched.stream = stream
    watched.expect(head.contentLength)
    if (end) watched.incoming = 1
    stream.receiver = watched
    stream.source = watched
    this.streams.push(watched)
    this.note(`request ${head.method} ${end} ${Math.min(5, head.fields.length)}`)
    for (let n = this.chooser.below(4); n > 0; n--) watched.act()
  }

  protected step(): void {}

  protected check(): void {
    promise(this.#connection.active <= MAX_STREAMS, 'more streams than agreed')
  }

  protected checkEnd(): void {}

  protected checkOutput(output: Buffer): void {
    const sent = new Http2Output(this.note)
    sent.check(output, this.arrived, true)
    checkBodies(this.streams, sent)
  }
}

/** What is on the wire is what the application gave, from its beginning. */
export function checkBodies(streams: readonly WatchedStream[], sent: Http2Output): void {
  for (const watched of streams) {
    const { id } = watched.stream as unknown as { id: number }
    const body = sent.bodies.get(id) ?? ''
    promise(watched.sentText.startsWith(body), 'other bytes on the wire than the application gave')
    if (sent.ended.has(id)) promise(body === watched.sentText, 'a body that is not all the application gave')
  }
}
