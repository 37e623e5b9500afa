import { Http1ClientConnection } from '../../../proxy/codec/http1/client-connection.ts'
import { Head } from '../../../proxy/message/head.ts'
import { Chooser, generateResponse, HTTP1_TOKENS } from '../../support/http1-generator.ts'
import { parseWithLlhttp } from '../../support/llhttp.ts'
import { ConnectionRun, type Fuzzed } from '../connection-run.ts'
import { promise, type Target } from '../target.ts'
import { TUNNELS, WatchedStream } from '../watched-stream.ts'
import { checkBody, checkWire, SMALL_LIMITS } from './http1-server.ts'

/** The first two bytes choose what our side does; the rest comes from the server. */
export const http1Client: Target = {
  name: 'http1-client',
  about: 'a client connection of HTTP/1.1 and everything a server may send',
  maxBytes: 3000,
  seeds: () => [
    ...[3, 50, 99, 200].map((choice) =>
      Buffer.from(
        `${String.fromCharCode(choice, 1)}HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\nbytes`,
        'latin1',
      ),
    ),
    ...Array.from({ length: 40 }, (_, i) => {
      const chooser = new Chooser(i + 1)
      let text = String.fromCharCode(i * 5, 0)
      for (let n = 0; n <= i % 3; n++) text += generateResponse(chooser, i < 20 ? 0 : 0.05)
      return Buffer.from(text, 'latin1')
    }),
  ],
  dictionary: HTTP1_TOKENS.map((text) => Buffer.from(text, 'latin1')),
  mutate: null,
  run: (input, note) => new ClientRun(input, note).run(),
}

class ClientRun extends ConnectionRun {
  #connection!: Http1ClientConnection

  protected connect(): Fuzzed {
    this.#connection = new Http1ClientConnection(this.transport, {
      wheel: this.clock.timers,
      limits: SMALL_LIMITS,
      owner: {
        capacityChanged: () => this.note('capacity'),
        retired: () => this.note('retired'),
        closed: (_session, reason) => {
          this.closed += 1
          this.note(`closed ${reason.code}`)
        },
      },
    })
    this.step()
    return this.#connection
  }

  /** Asks something when the connection is free. */
  protected step(): void {
    if (this.#connection.capacity <= 0) return
    const chooser = this.chooser
    const method = chooser.of(['GET', 'POST', 'POST', 'HEAD'])
    const tunnel = chooser.often(0.8) ? '' : chooser.of(TUNNELS)
    const watched = new WatchedStream(false, tunnel === '' ? method : 'GET', chooser, this.note, true, tunnel)
    watched.stream = this.#connection.open(watched, watched)
    this.streams.push(watched)
    if (chooser.often(0.02)) watched.giveUp()
    else if (tunnel !== '') watched.ask()
    else
      watched.sendHead(
        method,
        (fields) => Head.request(method, 'http', 'a.test', '/a', fields),
        method !== 'POST',
      )
    for (let n = chooser.below(4); n > 0; n--) watched.act()
  }

  protected check(): void {
    if (this.chooser.often(0.5)) this.step()
    promise(this.#connection.active <= 1, 'two requests at a time')
  }

  protected checkEnd(): void {
    promise(this.#connection.capacity === 0, 'room for requests on a closed connection')
  }

  protected checkOutput(output: Buffer): void {
    const parsed = parseWithLlhttp(output, 'request', undefined, output.length)
    // Only the last request may be cut: every other was followed by another.
    checkWire(parsed.error, parsed.messages, output, true, this.note)
    const sent = this.streams.filter(({ headSent }) => headSent)
    promise(parsed.messages.length <= sent.length, 'more requests than were made')
    for (const [i, message] of parsed.messages.entries()) {
      checkBody(message, sent[i], i === parsed.messages.length - 1)
    }
  }
}
