import { PREFACE } from '../../../proxy/codec/http2/constants.ts'
import { NaiveDecoder, NaiveEncoder } from '../naive-hpack.ts'
import type { FieldList, MessageWatch } from './ledger.ts'
import type { MemorySocket } from './memory-network.ts'
import type { Channel, Outgoing } from './outgoing.ts'
import type { Draw, Ending } from './plan.ts'
import type { Storm } from './storm.ts'

const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const GOAWAY = 7
const WINDOW_UPDATE = 8
const MAX_DATA = 16_384

/** One stream as its peer sees it. */
export class PeerStream implements Channel {
  readonly connection: Http2Peer
  readonly id: number
  watch: MessageWatch | null = null
  outgoing: Outgoing | null = null
  sendWindow: number
  /** What the sidecar may still send. */
  granted: number
  /** Bytes that came and were not credited. */
  unread = 0
  stalled = false
  headCame = false
  cameWhole = false
  sentWhole = false
  over = false
  /** The other side knows of it. */
  known = false

  constructor(connection: Http2Peer, id: number) {
    this.connection = connection
    this.id = id
    this.sendWindow = connection.peerWindow
    this.granted = connection.ownWindow
    this.known = !connection.isClient
  }

  room(): number {
    const { connection } = this
    if (connection.socket.writableLength > 64 * 1024) return 0
    return Math.max(0, Math.min(MAX_DATA, this.sendWindow, connection.sendWindow))
  }

  writeHead(first: string, fields: FieldList, end: boolean): void {
    this.connection.sendHead(this, [...this.connection.pseudo(this, first), ...fields], end)
  }

  writeData(bytes: Buffer, end: boolean): void {
    const { connection } = this
    const padding =
      bytes.length + 20 <= this.room() && connection.draw.chance(0.05) ? connection.draw.upTo(20) : -1
    const flow = bytes.length + (padding < 0 ? 0 : padding + 1)
    this.sendWindow -= flow
    connection.sendWindow -= flow
    const payload =
      padding < 0 ? bytes : Buffer.concat([Buffer.from([padding]), bytes, Buffer.alloc(padding)])
    connection.frame(DATA, (end ? 1 : 0) | (padding < 0 ? 0 : 8), this.id, payload)
    if (end) connection.sentEnd(this)
  }

  writeTrailers(fields: FieldList): void {
    this.connection.sendHead(this, fields, true)
  }

  leave(how: Ending): void {
    this.connection.leave(this, how)
  }

  /** Nothing of it matters any more. */
  drop(why: string): void {
    if (this.over) return
    this.over = true
    this.outgoing?.stop()
    if (!this.cameWhole) this.watch?.aborted(why)
    this.connection.dropped(this)
  }
}

/** One end of an HTTP/2 connection, with its own account of every window. */
export abstract class Http2Peer {
  readonly socket: MemorySocket
  readonly storm: Storm
  readonly draw: Draw
  readonly streams = new Map<number, PeerStream>()
  closed = false
  /** What we may send on the connection. */
  sendWindow = 65_535
  /** What the sidecar may send us on the connection. */
  granted = 65_535
  /** Initial window of streams, theirs and ours. */
  peerWindow = 65_535
  ownWindow: number
  mostStreams = Number.POSITIVE_INFINITY
  goingAway = false
  readonly isClient: boolean
  readonly #encoder = new NaiveEncoder()
  readonly #decoder = new NaiveDecoder()
  #buffer = Buffer.alloc(0)
  #skip: number
  #unread = 0
  /** Initial windows that shrink hold once they are acknowledged. */
  readonly #shrinking: number[] = []

  constructor(storm: Storm, socket: MemorySocket, draw: Draw, client: boolean) {
    this.storm = storm
    this.socket = socket
    this.draw = draw
    this.isClient = client
    this.#skip = client ? 0 : PREFACE.length
    this.ownWindow = draw.of(100, 5000, 65_535, 65_535, 1_000_000)
    if (client) socket.write(PREFACE)
    const window = Buffer.alloc(6)
    window.writeUInt16BE(4)
    window.writeUInt32BE(this.ownWindow, 2)
    this.frame(SETTINGS, 0, 0, window)
    this.#shrinking.push(this.ownWindow)
    if (draw.chance(0.5)) this.#grant(0, draw.upTo(1_000_000) + 1)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => {})
    socket.on('end', () => this.gone('FIN'))
    socket.on('close', () => this.gone('the connection is gone'))
    socket.resume()
  }

  abstract pseudo(stream: PeerStream, first: string): FieldList
  /** The first fields on a stream have come: makes its watch, or null to ignore it. */
  protected abstract begin(stream: PeerStream | null, id: number, fields: FieldList, end: boolean): void
  dropped(stream: PeerStream): void {
    this.streams.delete(stream.id)
  }

  protected gone(why: string): void {
    if (this.closed) return
    this.closed = true
    for (const stream of [...this.streams.values()]) stream.drop(why)
    this.socket.end()
  }

  act(draw: Draw): void {
    if (this.closed) return
    const { socket } = this
    if (socket.flowing && draw.chance(0.01) && !this.storm.calm) socket.pause()
    else if (!socket.flowing && draw.chance(0.1)) socket.resume()
    if (this.#unread > 0 && draw.chance(0.2)) {
      this.#grant(0, this.#unread)
      this.#unread = 0
    }
    if (this.#shrinking.length === 0 && !this.storm.calm && draw.chance(0.003))
      this.#changeWindow(draw.of(100, 5000, 65_535, 500_000))
    if (!this.storm.calm && draw.chance(0.003)) this.frame(PING, 0, 0, Buffer.alloc(8))
    for (const stream of this.streams.values()) {
      if (draw.chance(0.05)) stream.stalled = draw.chance(0.2) && !this.storm.calm
      if (stream.unread > 0 && !stream.stalled && !stream.cameWhole && draw.chance(0.3)) {
        this.#grant(stream.id, stream.unread)
        stream.granted += stream.unread
        stream.unread = 0
      }
    }
    const list = [...this.streams.values()]
    const stream = list[draw.upTo(list.length)]
    if (stream !== undefined && this.maySend(stream)) stream.outgoing?.step(draw)
  }

  protected maySend(_stream: PeerStream): boolean {
    return true
  }

  calmDown(): void {
    this.socket.resume()
    for (const stream of this.streams.values()) stream.stalled = false
    // What is left must come to its end in time.
    if (!this.closed && this.#shrinking.length === 0) this.#changeWindow(500_000)
  }

  #changeWindow(window: number): void {
    const value = Buffer.alloc(6)
    value.writeUInt16BE(4)
    value.writeUInt32BE(window, 2)
    this.frame(SETTINGS, 0, 0, value)
    this.#shrinking.push(window)
    if (window > this.ownWindow) this.#shift(window)
  }

  #shift(window: number): void {
    const delta = window - this.ownWindow
    this.ownWindow = window
    for (const stream of this.streams.values()) stream.granted += delta
  }

  #grant(id: number, bytes: number): void {
    const payload = Buffer.alloc(4)
    payload.writeUInt32BE(bytes)
    this.frame(WINDOW_UPDATE, 0, id, payload)
    if (id === 0) this.granted += bytes
  }

  frame(type: number, flags: number, id: number, payload: Buffer): void {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head[3] = type
    head[4] = flags
    head.writeUInt32BE(id, 5)
    this.socket.write(Buffer.concat([head, payload]))
  }

  sendHead(stream: PeerStream, fields: FieldList, end: boolean): void {
    stream.known = true
    const lines = fields.map(([name, value]) => ({ name, value }))
    const block = this.#encoder.encode(lines, () =>
      this.draw.of('without', 'indexed', 'incremental', 'never'),
    )
    this.frame(HEADERS, end ? 5 : 4, stream.id, block)
    if (end) this.sentEnd(stream)
  }

  sentEnd(stream: PeerStream): void {
    stream.sentWhole = true
    if (stream.cameWhole) stream.drop('')
  }

  reset(stream: PeerStream, code: number): void {
    const payload = Buffer.alloc(4)
    payload.writeUInt32BE(code)
    this.frame(RST_STREAM, 0, stream.id, payload)
    stream.drop('we reset it')
  }

  leave(stream: PeerStream, how: Ending): void {
    const { socket, draw } = this
    // The sidecar does not know of it yet.
    if (!stream.known && (how === 'reset' || how === 'garbage')) stream.drop('never sent')
    else if (how === 'silence') this.storm.atCalm(() => !stream.over && this.reset(stream, 2))
    else if (how === 'reset') this.reset(stream, draw.of(0, 2, 8))
    else if (how === 'fin') socket.end()
    else if (how === 'close') socket.destroy()
    else if (how === 'rst') socket.resetAndDestroy()
    else if (draw.chance(0.3)) {
      this.frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(4))
      socket.end()
    } else {
      this.frame(WINDOW_UPDATE, 0, stream.id, Buffer.alloc(4))
      stream.outgoing?.stop()
    }
    if (socket.destroyed) this.gone('we left')
  }

  sendGoaway(last: number): void {
    const payload = Buffer.alloc(8)
    payload.writeUInt32BE(last)
    this.frame(GOAWAY, 0, 0, payload)
  }

  #read(chunk: Buffer): void {
    const from = Math.min(this.#skip, chunk.length)
    this.#skip -= from
    this.#buffer = Buffer.concat([this.#buffer, chunk.subarray(from)])
    while (!this.closed && this.#buffer.length >= 9) {
      const length = this.#buffer.readUIntBE(0, 3)
      if (this.#buffer.length < 9 + length) return
      const frame = this.#buffer.subarray(0, 9 + length)
      this.#buffer = this.#buffer.subarray(9 + length)
      this.#frame(frame[3] as number, frame[4] as number, frame.readUInt32BE(5), frame.subarray(9))
    }
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    const stream = this.streams.get(id) ?? null
    if (type === DATA) this.#data(stream, payload, (flags & 1) !== 0)
    else if (type === HEADERS) {
      if ((flags & 4) === 0) this.storm.wrong('a header block in several frames')
      this.#headers(stream, id, payload, (flags & 1) !== 0)
    } else if (type === RST_STREAM) stream?.drop(`RST_STREAM ${payload.readUInt32BE(0)}`)
    else if (type === SETTINGS) this.#settings(flags, payload)
    else if (type === PING) {
      if ((flags & 1) === 0) this.frame(PING, 1, 0, payload)
    } else if (type === WINDOW_UPDATE) {
      if (id === 0) this.sendWindow += payload.readUInt32BE(0)
      else if (stream !== null) stream.sendWindow += payload.readUInt32BE(0)
    } else if (type === GOAWAY)
      this.goaway(payload.readUInt32BE(0), payload.readUInt32BE(4), payload.toString('utf8', 8))
    else this.storm.wrong(`a frame of type ${type}`)
  }

  protected goaway(_last: number, _code: number, _debug: string): void {
    this.goingAway = true
  }

  #data(stream: PeerStream | null, payload: Buffer, end: boolean): void {
    this.granted -= payload.length
    this.#unread += payload.length
    if (this.granted < 0) this.storm.wrong('more DATA than the window of the connection allows')
    if (stream === null) return
    stream.granted -= payload.length
    stream.unread += payload.length
    if (stream.granted < 0) stream.watch?.aborted('more DATA than the window of the stream allows')
    if (stream.granted < 0) this.storm.wrong(`more DATA than the window of stream ${stream.id} allows`)
    if (payload.length > 0) stream.watch?.data(payload)
    if (end) this.#cameEnd(stream, null)
  }

  #headers(stream: PeerStream | null, id: number, block: Buffer, end: boolean): void {
    const fields = this.#decoder.decode(block).map(({ name, value }) => [name, value] as const)
    if (stream?.headCame !== true) this.begin(stream, id, fields, end)
    else if (!end) this.storm.wrong('trailers without an end')
    else this.#cameEnd(stream, fields)
  }

  /** The message is there, with the end of its stream's half. */
  #cameEnd(stream: PeerStream, trailers: FieldList | null): void {
    stream.cameWhole = true
    stream.watch?.end(trailers)
    if (stream.sentWhole) stream.drop('')
  }

  protected headArrived(stream: PeerStream, first: string, fields: FieldList, end: boolean): void {
    stream.headCame = true
    stream.watch?.head(first, fields)
    if (end) this.#cameEnd(stream, null)
  }

  #settings(flags: number, payload: Buffer): void {
    if ((flags & 1) !== 0) {
      const window = this.#shrinking.shift() as number
      if (window < this.ownWindow) this.#shift(window)
      return
    }
    for (let at = 0; at < payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2)
      if (payload.readUInt16BE(at) === 3) this.mostStreams = value
      if (payload.readUInt16BE(at) !== 4) continue
      for (const stream of this.streams.values()) stream.sendWindow += value - this.peerWindow
      this.peerWindow = value
    }
    this.frame(SETTINGS, 1, 0, Buffer.alloc(0))
  }
}
