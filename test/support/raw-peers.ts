import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { PREFACE } from '../../proxy/codec/http2/constants.ts'
import { assertFrames, type Frame, FrameCoder, settings, settingsAck } from './frames.ts'

/** One end of a real connection that speaks in frames: `peer.send(...)`, `await peer.expect(...)`. */
export class RawPeer {
  readonly socket: Socket
  readonly coder = new FrameCoder()
  readonly #frames: Frame[] = []
  #ended = false
  #wake: () => void = () => {}
  #skip: number

  /** `skip`: bytes before the first frame (a client's preface). */
  constructor(socket: Socket, skip = 0) {
    this.socket = socket
    this.#skip = skip
    socket.on('data', (chunk: Buffer) => {
      const from = Math.min(this.#skip, chunk.length)
      this.#skip -= from
      this.#frames.push(...this.coder.read(chunk.subarray(from)))
      this.#wake()
    })
    socket.on('error', () => {})
    for (const event of ['end', 'close'] as const) {
      socket.on(event, () => {
        this.#ended = true
        this.#wake()
      })
    }
  }

  send(...frames: Frame[]): void {
    this.socket.write(Buffer.concat(frames.map((frame) => this.coder.write(frame))))
  }

  /** The next frame; null when the peer has ended before one came. */
  async next(): Promise<Frame | null> {
    while (this.#frames.length === 0) {
      if (this.#ended) return null
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#frames.shift() as Frame
  }

  /** Fails unless exactly these frames come next. */
  async expect(...frames: Frame[]): Promise<void> {
    const got: Frame[] = []
    while (got.length < frames.length) {
      const frame = await this.next()
      if (frame === null) break
      got.push(frame)
    }
    assertFrames(got, frames)
  }

  /** Waits for the peer's FIN or the connection's end. */
  async expectEnd(): Promise<void> {
    const frame = await this.next()
    if (frame !== null) throw new Error(`a ${frame.type} frame instead of the end`)
  }

  close(): void {
    this.socket.destroy()
  }
}

/** A client of 127.0.0.1:`port` with preface and settings exchanged. */
export async function rawClient(port: number): Promise<RawPeer> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  await once(socket, 'connect')
  socket.write(PREFACE)
  const peer = new RawPeer(socket)
  peer.send(settings(), settingsAck())
  for (let frame = await peer.next(); frame?.type !== 'SETTINGS_ACK'; frame = await peer.next()) {
    if (frame === null) throw new Error('the server ended the connection')
  }
  return peer
}

/** A server on a free port of loopback that hands out each connection as a peer, its settings sent. */
export class RawServer {
  readonly #server = createServer({ allowHalfOpen: true, noDelay: true })
  readonly #peers: RawPeer[] = []
  readonly #waiting: RawPeer[] = []
  readonly #settings: Readonly<Record<number, number>> | null
  #wake: () => void = () => {}

  /** `settings`: what it sends of itself on each connection, null for nothing at all. */
  constructor(settings: Readonly<Record<number, number>> | null = {}) {
    this.#settings = settings
  }

  /** Listens; returns the port. */
  async listen(): Promise<number> {
    this.#server.on('connection', (socket: Socket) => {
      const peer = new RawPeer(socket, PREFACE.length)
      if (this.#settings !== null) peer.send(settings(this.#settings))
      this.#peers.push(peer)
      this.#waiting.push(peer)
      this.#wake()
    })
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as { port: number }).port
  }

  /** The next connection. */
  async accept(): Promise<RawPeer> {
    while (this.#waiting.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#waiting.shift() as RawPeer
  }

  close(): void {
    for (const peer of this.#peers) peer.close()
    this.#server.close()
  }
}
