import type { Reason } from '../../message/reason.ts'
import type { Transport } from '../transport.ts'
import { ConnectionCore } from './connection-core.ts'
import {
  COMPRESSION_ERROR,
  CONTINUATION,
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  GOAWAY,
  HEADERS,
  MAX_WINDOW,
  NO_ERROR,
  PING,
  PRIORITY,
  PROTOCOL_ERROR,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  STREAM_CLOSED,
  WINDOW_UPDATE,
} from './constants.ts'
import { type FrameHandler, FrameReader, SETTINGS_FIRST } from './frame/frame-reader.ts'
import { writePingAck, writeSettingsAck } from './frame/frame-writer.ts'
import { glitches } from './glitches.ts'
import { HeadDecoder } from './head-decoder.ts'
import { HeaderBlock } from './header-block.ts'
import type { Http2Options } from './options.ts'
import { OwnSettings, PeerSettings } from './settings.ts'
import type { Http2Stream } from './stream.ts'
import { CLOSED, mayReceive, maySend } from './stream-state.ts'

/** What both roles do with the frames that come in (RFC 9113 §6). */
export abstract class Http2Connection extends ConnectionCore implements FrameHandler {
  protected readonly peer = new PeerSettings()
  protected readonly own: OwnSettings
  protected readonly decoder: HeadDecoder
  protected readonly reader: FrameReader
  /** The peer has seen our SETTINGS (RFC 9113 §6.5.3). */
  protected settingsAcknowledged = false
  readonly #block: HeaderBlock

  protected constructor(transport: Transport, options: Http2Options) {
    super(transport, options)
    this.own = new OwnSettings(options)
    const { maxHeadBytes, maxFields, maxCookies, maxTrailerBytes } = options
    const table = this.own.headerTableSize
    this.decoder = new HeadDecoder(table, maxHeadBytes, maxFields, maxCookies, maxTrailerBytes)
    this.reader = new FrameReader(this)
    this.#block = new HeaderBlock(options.maxHeadBytes * 2, this.limits.continuations)
  }

  /** True in the client role: the peer is a server. */
  protected abstract readonly isClient: boolean
  /** A whole header block has come on stream `id`. */
  protected abstract headBlock(id: number, block: Buffer, from: number, to: number, end: boolean): void
  /** True when stream `id` was never opened though a higher one was (RFC 9113 §5.1.1). */
  protected abstract wasPassedOver(id: number): boolean
  /** True when no stream `id` was ever opened by whoever may open it. */
  protected abstract isIdle(id: number): boolean
  protected abstract goaway(lastStreamId: number, code: number, debug: string): void
  /** What a RST_STREAM of the peer's with `code` means. */
  protected abstract resetReason(code: number): Reason
  protected abstract settingsReceived(): void
  protected abstract pingAcknowledged(): void

  read(chunk: Buffer): void {
    this.activity = true
    this.reader.read(chunk, 0, chunk.length)
    if (this.reader.unfinished !== null) this.watchProgress()
  }

  get unfinishedFrame(): Buffer | null {
    return this.reader.unfinished
  }

  protected stopReading(): void {
    this.reader.stopped = true
  }

  dataFrame(
    id: number,
    flow: number,
    padding: number,
    chunk: Buffer,
    from: number,
    to: number,
    end: boolean,
  ): void {
    if (!this.window.take(flow, this.transport)) {
      this.frameError(FLOW_CONTROL_ERROR, 'more DATA than the connection window allows')
      return
    }
    const bytes = to - from
    const stream = this.streams.get(id)
    if (stream === undefined || !mayReceive(stream.state)) {
      this.credit(bytes + padding)
      // Behind the first piece of a frame, which has been judged, come pieces without a share in the windows.
      if (flow > 0 || bytes === 0) this.#dataOnClosed(id, stream)
      return
    }
    if (flow > stream.receiveWindow) {
      this.credit(bytes + padding)
      this.streamError(stream, FLOW_CONTROL_ERROR, 'more DATA than the stream window allows')
      return
    }
    stream.receiveWindow -= flow
    stream.received += bytes
    stream.uncredited += bytes
    if (padding > 0) {
      this.credit(padding)
      // Nobody else will.
      stream.restore(padding)
    }
    if (!stream.headReceived) {
      this.streamError(stream, PROTOCOL_ERROR, 'DATA before the head')
      return
    }
    if (stream.expected >= 0 && stream.received > stream.expected) {
      this.streamError(
        stream,
        PROTOCOL_ERROR,
        `content-length is ${stream.expected} but more bytes of body came`,
      )
      return
    }
    if (end) {
      const problem = stream.receiveEnd()
      if (problem !== '') {
        this.streamError(stream, PROTOCOL_ERROR, problem)
        return
      }
    } else if (bytes === 0 && flow <= padding) {
      this.emptyData()
      if (this.failure !== null) return
    }
    if (stream.receiver === null) stream.credit(bytes)
    else if (bytes > 0 || end) stream.receiver.data(chunk, from, to, end)
    if (end && stream.state === CLOSED) this.forget(stream)
  }

  /** DATA on a stream that is not open for it (RFC 9113 §6.1). */
  #dataOnClosed(id: number, stream: Http2Stream | undefined): void {
    if (id === 0 || this.isIdle(id)) {
      this.frameError(PROTOCOL_ERROR, `DATA on stream ${id}, which is not open`)
    } else if (stream !== undefined) {
      this.streamError(stream, STREAM_CLOSED, 'DATA after END_STREAM')
    } else if (this.mayHaveCrossed(id)) {
      this.glitch(glitches.crossed)
    } else {
      this.resetClosed(id, STREAM_CLOSED, glitches.closedStream)
    }
  }

  frame(type: number, flags: number, id: number, chunk: Buffer, from: number, to: number): void {
    switch (type) {
      case HEADERS:
        this.#headers(flags, id, chunk, from, to)
        break
      case WINDOW_UPDATE:
        this.#windowUpdate(id, chunk, from, to)
        break
      case RST_STREAM:
        this.#rstStream(id, chunk, from, to)
        break
      case SETTINGS:
        this.#settings(flags, id, chunk, from, to)
        break
      case PING:
        this.#ping(flags, id, chunk, from, to)
        break
      case CONTINUATION:
        this.#continuation(flags, id, chunk, from, to)
        break
      case GOAWAY:
        if (id !== 0) this.frameError(PROTOCOL_ERROR, 'GOAWAY on a stream')
        else if (to - from < 8) this.frameError(FRAME_SIZE_ERROR, 'GOAWAY is too short')
        else {
          const last = chunk.readUInt32BE(from) & MAX_WINDOW
          const debug = chunk.toString('utf8', from + 8, Math.min(to, from + 264))
          this.goaway(last, chunk.readUInt32BE(from + 4), debug)
        }
        break
      case PRIORITY:
        this.#priority(id, chunk, from, to)
        break
      case PUSH_PROMISE:
        this.frameError(PROTOCOL_ERROR, 'PUSH_PROMISE, which we never allow')
        break
      default:
        // Unknown types are ignored (RFC 9113 §5.5), but not for ever.
        this.glitch(glitches.unknown)
    }
  }

  #headers(flags: number, id: number, chunk: Buffer, from: number, to: number): void {
    if ((id & 1) === 0) return this.frameError(PROTOCOL_ERROR, `HEADERS on stream ${id}`)
    const block = this.#block
    const code = block.strip(flags, id, chunk, from, to)
    if (code !== NO_ERROR) return this.frameError(code, block.problem)
    if ((flags & FLAG_END_HEADERS) !== 0) {
      this.headBlock(id, chunk, block.from, block.to, (flags & FLAG_END_STREAM) !== 0)
      return
    }
    this.reader.continuing = id
    block.start(flags, chunk)
    this.headExpected()
  }

  /** HEADERS on a stream that is no more. */
  protected headersOnClosed(id: number): void {
    if (this.mayHaveCrossed(id)) this.glitch(glitches.crossed)
    else if (this.wasPassedOver(id)) this.frameError(PROTOCOL_ERROR, `stream ${id} comes after a higher one`)
    else this.frameError(STREAM_CLOSED, `HEADERS on stream ${id}, which is over`)
  }

  #continuation(flags: number, id: number, chunk: Buffer, from: number, to: number): void {
    if (id === 0 || id !== this.reader.continuing) {
      return this.frameError(PROTOCOL_ERROR, `CONTINUATION on stream ${id} without HEADERS before it`)
    }
    const block = this.#block
    if (block.append(chunk, from, to) !== NO_ERROR) return this.calmDown(block.limit, block.problem)
    if ((flags & FLAG_END_HEADERS) === 0) return
    this.reader.continuing = 0
    this.headArrived()
    this.headBlock(id, block.bytes, block.from, block.to, (block.flags & FLAG_END_STREAM) !== 0)
    block.clear()
  }

  /** A header block that cannot be a head: trailers, or a breach. */
  protected trailers(id: number, block: Buffer, from: number, to: number, end: boolean): void {
    const fields = this.decoder.trailers(block, from, to)
    const stream = this.streams.get(id)
    if (fields === null && this.decoder.broken !== '') {
      this.compressionError()
    } else if (stream === undefined) {
      if (this.isIdle(id)) this.frameError(PROTOCOL_ERROR, `HEADERS on stream ${id}, which is idle`)
      else this.headersOnClosed(id)
    } else if (!mayReceive(stream.state)) {
      this.streamError(stream, STREAM_CLOSED, 'HEADERS after END_STREAM')
    } else if (fields === null) {
      this.badBlock(stream)
    } else if (stream.tunnel !== '') {
      // RFC 9113 §8.5: a tunnel is made of DATA frames only.
      this.streamError(stream, PROTOCOL_ERROR, 'HEADERS in a tunnel')
    } else if (!end) {
      this.streamError(stream, PROTOCOL_ERROR, 'trailers without END_STREAM')
    } else {
      const problem = stream.receiveEnd()
      if (problem !== '') {
        this.streamError(stream, PROTOCOL_ERROR, problem)
        return
      }
      if (stream.receiver !== null) stream.receiver.trailers(fields)
      if (stream.state === CLOSED) this.forget(stream)
    }
  }

  /** A stream error for a header block that cannot be used. */
  protected badBlock(stream: Http2Stream): void {
    if (this.decoder.tooLarge !== '') this.limitReached(this.decoder.limit)
    this.streamError(stream, PROTOCOL_ERROR, this.decoder.malformed + this.decoder.tooLarge)
  }

  /** The state of header compression is lost, and the connection with it (RFC 9113 §4.3). */
  protected compressionError(): void {
    this.frameError(COMPRESSION_ERROR, this.decoder.broken)
  }

  #priority(id: number, chunk: Buffer, from: number, to: number): void {
    if (id === 0) return this.frameError(PROTOCOL_ERROR, 'PRIORITY on stream 0')
    let code = NO_ERROR
    let problem = ''
    if (to - from !== 5) {
      code = FRAME_SIZE_ERROR
      problem = 'PRIORITY is not 5 bytes long'
    } else if ((chunk.readUInt32BE(from) & MAX_WINDOW) === id) {
      code = PROTOCOL_ERROR
      problem = `stream ${id} depends on itself`
    }
    // Priorities themselves are not acted upon (RFC 9113 §5.3.2).
    if (code === NO_ERROR) return this.glitch(glitches.priority)
    const stream = this.streams.get(id)
    if (stream !== undefined) this.streamError(stream, code, problem)
    // An idle stream cannot be reset.
    else if (this.isIdle(id)) this.frameError(code, problem)
    else if (this.mayHaveCrossed(id)) this.glitch(glitches.crossed)
    else this.resetClosed(id, code, glitches.closedStream)
  }

  #rstStream(id: number, chunk: Buffer, from: number, to: number): void {
    if (to - from !== 4) return this.frameError(FRAME_SIZE_ERROR, 'RST_STREAM is not 4 bytes long')
    if (id === 0 || this.isIdle(id))
      return this.frameError(PROTOCOL_ERROR, `RST_STREAM on stream ${id}, which is idle`)
    const stream = this.streams.get(id)
    if (stream === undefined) return this.glitch(glitches.lateReset)
    const answered = !maySend(stream.state)
    stream.state = CLOSED
    this.forget(stream)
    stream.abort(this.resetReason(chunk.readUInt32BE(from)))
    // A server may refuse what we ask of it as often as we ask.
    if (!this.isClient) this.glitch(answered ? glitches.lateReset : glitches.reset)
  }

  #settings(flags: number, id: number, chunk: Buffer, from: number, to: number): void {
    const length = to - from
    if (id !== 0) return this.frameError(PROTOCOL_ERROR, 'SETTINGS on a stream')
    if (this.reader.continuing === SETTINGS_FIRST) {
      if ((flags & FLAG_ACK) !== 0)
        return this.frameError(PROTOCOL_ERROR, 'an acknowledgement before any SETTINGS')
      this.reader.continuing = 0
      this.headArrived()
    }
    if ((flags & FLAG_ACK) !== 0) {
      if (length !== 0) this.frameError(FRAME_SIZE_ERROR, 'an acknowledgement of SETTINGS with a payload')
      else this.#settingsAcknowledged()
      return
    }
    if (length % 6 !== 0)
      return this.frameError(FRAME_SIZE_ERROR, 'SETTINGS is not a multiple of 6 bytes long')
    if (length > this.limits.settings * 6)
      return this.calmDown('http2.settings', `more than ${this.limits.settings} settings in one frame`)
    const before = this.peer.initialWindow
    const code = this.peer.read(chunk, from, to, this.isClient)
    if (code !== NO_ERROR) return this.frameError(code, this.peer.problem)
    this.encoder.maxFrameSize = this.peer.maxFrameSize
    // Both when it went down and up again: the smallest has to be told to the peer's decoder (RFC 7541 §4.2).
    this.encoder.setPeerTableSize(this.peer.lowestHeaderTableSize)
    this.encoder.setPeerTableSize(this.peer.headerTableSize)
    this.extendedConnect = this.isClient && this.peer.connectProtocol
    if (!this.shiftWindows(this.peer.initialWindow - before)) return
    writeSettingsAck(this.transport)
    this.answered()
    this.glitch(glitches.settings)
    if (this.failure !== null) return
    this.settingsReceived()
    this.pump()
  }

  /** The peer knows our settings: what they take from it holds from now on (RFC 9113 §6.5.3). */
  #settingsAcknowledged(): void {
    const before = this.own.streamWindow
    if (this.own.acknowledge()) {
      this.settingsAcknowledged = true
      this.decoder.setTableSize(this.own.headerTableSize)
      const less = before - this.own.streamWindow
      if (less > 0) for (const stream of this.streams.all()) stream.shrinkReceiveWindow(less)
    }
    this.glitch(glitches.acknowledgement)
  }

  #ping(flags: number, id: number, chunk: Buffer, from: number, to: number): void {
    if (id !== 0) return this.frameError(PROTOCOL_ERROR, 'PING on a stream')
    if (to - from !== 8) return this.frameError(FRAME_SIZE_ERROR, 'PING is not 8 bytes long')
    if ((flags & FLAG_ACK) !== 0) {
      this.pingAcknowledged()
      return this.glitch(glitches.acknowledgement)
    }
    this.glitch(glitches.ping)
    if (this.failure !== null) return
    writePingAck(this.transport, chunk, from)
    this.answered()
  }

  #windowUpdate(id: number, chunk: Buffer, from: number, to: number): void {
    if (to - from !== 4) return this.frameError(FRAME_SIZE_ERROR, 'WINDOW_UPDATE is not 4 bytes long')
    const increment = chunk.readUInt32BE(from) & MAX_WINDOW
    this.windowUpdated()
    if (this.failure !== null) return
    if (id === 0) {
      if (increment === 0) return this.frameError(PROTOCOL_ERROR, 'WINDOW_UPDATE by 0')
      this.sendWindow += increment
      if (this.sendWindow > MAX_WINDOW)
        return this.frameError(FLOW_CONTROL_ERROR, 'the connection window overflows')
      this.pump()
      return
    }
    const stream = this.streams.get(id)
    if (stream === undefined) {
      if (this.isIdle(id)) this.frameError(PROTOCOL_ERROR, `WINDOW_UPDATE on stream ${id}, which is idle`)
      return
    }
    if (increment === 0) return this.streamError(stream, PROTOCOL_ERROR, 'WINDOW_UPDATE by 0')
    stream.sendWindow += increment
    if (stream.sendWindow > MAX_WINDOW) {
      return this.streamError(stream, FLOW_CONTROL_ERROR, 'the stream window overflows')
    }
    if (stream.waiting !== null) {
      this.whenReady(stream)
      this.pump()
    }
  }
}
