import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Frame, FrameCoder } from './frames.ts'
import { Changes } from './peers/changes.ts'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

/** A TCP connection to 127.0.0.1 that sends whatever a test wants. */
export class RawConnection {
  readonly socket: Socket
  readonly #changes = new Changes()
  /** All that came, as latin1. */
  received = ''
  closed = false

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port })
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1')
      this.#changes.notify()
    })
    this.socket.on('close', () => {
      this.closed = true
      this.#changes.notify()
    })
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** The HTTP/2 preface with empty SETTINGS, then the frames, in one write. */
  sendFrames(...frames: Frame[]): void {
    const coder = new FrameCoder()
    const settings: Frame = { type: 'SETTINGS', values: {} }
    const written = [settings, ...frames].map((frame) => coder.write(frame))
    this.send(Buffer.concat([Buffer.from(PREFACE, 'latin1'), ...written]))
  }

  connected(): Promise<unknown> {
    return this.socket.readyState === 'open' ? Promise.resolve() : once(this.socket, 'connect')
  }

  /** Waits for the other side to close; all that came. Rejects after 20 s. */
  async ended(): Promise<string> {
    await this.#changes.when('the connection to be closed', () => this.closed)
    return this.received
  }

  /** Waits for the other side to close; the frames that came. */
  async endedFrames(): Promise<Frame[]> {
    return new FrameCoder().read(Buffer.from(await this.ended(), 'latin1'))
  }
}
