import { Http2ClientConnection } from '../../../proxy/codec/http2/client-connection.ts'
import { PREFACE } from '../../../proxy/codec/http2/constants.ts'
import { Head } from '../../../proxy/message/head.ts'
import {
  data,
  FrameCoder,
  goaway,
  headers,
  OK,
  ping,
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
import { TUNNELS, WatchedStream } from '../watched-stream.ts'
import { checkBodies } from './http2-server.ts'

const MAX_STREAMS = 10

/** The first two bytes choose what our side does; the rest comes from the server. */
export const http2Client: Target = {
  name: 'http2-client',
  about: 'a client connection of HTTP/2 and everything a server may send',
  maxBytes: 4096,
  seeds,
  dictionary: FRAME_DICTIONARY,
  mutate: (input, pick) => mutateFrames(input, 2, pick),
  run: (input, note) => new ClientRun(input, note).run(),
}

function seeds(): Buffer[] {
  const lives = [
    [
      settings({ 8: 1 }),
      headers(1, OK),
      data(1, 'bytes'),
      headers(3, OK),
      data(3, 'bytes', true),
      headers(5, OK, true),
    ],
    [headers(1, OK, true), headers(3, OK), data(3, 'hello', true)],
    [
      headers(1, { ':status': '103' }),
      headers(1, { ':status': '200', 'content-length': '5' }),
      data(1, 'hello', true),
    ],
    [headers(1, OK), data(1, 'x', false, 3), headers(1, { 'grpc-status': '0' }, true), ping()],
    [
      headers(1, OK),
      rstStream(1, 'NO_ERROR'),
      rstStream(3, 'REFUSED_STREAM'),
      goaway(3, 'NO_ERROR'),
      headers(3, OK, true),
    ],
    [
      settings({ 3: 1, 4: 10 }),
      windowUpdate(1, 100),
      windowUpdate(0, 100),
      headers(1, OK, true),
      settings({ 3: 100 }),
    ],
  ]
  return lives.flatMap((frames, i) =>
    [0, 50, 99].map((choice) =>
      frameSeed(Buffer.from([choice, i]), new FrameCoder(), [settings(), settingsAck(), ...frames]),
    ),
  )
}

class ClientRun extends ConnectionRun {
  #connection!: Http2ClientConnection

  protected connect(): Fuzzed {
    this.#connection = new Http2ClientConnection(
      this.transport,
      {
        ...LIMITS,
        timers: this.clock.timers,
        connectionWindow: 100_000,
        streamWindow: 1000,
        maxStreamWindow: 4000,
        maxHeadBytes: 1000,
        maxFields: 20,
        maxStreams: MAX_STREAMS,
        idleMs: 60_000,
      },
      {
        capacityChanged: () => {
          if (this.chooser.often(0.3)) this.step()
        },
        retired: () => this.note('retired'),
        closed: (_session, reason) => {
          this.closed += 1
          this.note(`closed ${reason.code}`)
        },
      },
    )
    return this.#connection
  }

  /** Opens a stream when there is room. */
  protected step(): void {
    if (this.#connection.capacity <= 0) return
    const chooser = this.chooser
    const method = chooser.of(['GET', 'POST', 'HEAD'])
    const tunnel = chooser.often(0.8) ? '' : chooser.of(TUNNELS)
    const watched = new WatchedStream(
      false,
      tunnel === '' ? method : 'GET',
      chooser,
      this.note,
      false,
      tunnel,
    )
    watched.stream = this.#connection.open(watched, watched)
    this.streams.push(watched)
    if (tunnel !== '') watched.ask()
    else
      watched.sendHead(
        method,
        (fields) => Head.request(method, 'http', 'a.test', '/a', fields),
        method !== 'POST',
      )
    for (let n = chooser.below(4); n > 0; n--) watched.act()
  }

  protected check(): void {
    promise(this.#connection.active <= MAX_STREAMS, 'more streams than agreed')
  }

  protected checkEnd(): void {
    promise(this.#connection.capacity === 0, 'room for streams on a closed connection')
  }

  protected checkOutput(output: Buffer): void {
    promise(
      output.length === 0 || output.subarray(0, PREFACE.length).equals(PREFACE),
      'no connection preface',
    )
    const sent = new Http2Output(this.note)
    sent.check(output.subarray(PREFACE.length), this.arrived, false)
    checkBodies(this.streams, sent)
  }
}
