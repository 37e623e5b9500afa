import type { Http2Stream } from './stream.ts'

/** What the sweep saw of a stream when something last moved on it. Made by the first sweep that meets the stream. */
export class Progress {
  received: number
  receivedAt: number
  sent: number
  sentAt: number
  moved: number
  movedAt: number

  /** Times are monotonic milliseconds. */
  constructor(stream: Http2Stream, now: number) {
    this.received = stream.received
    this.receivedAt = now
    this.sent = stream.sent
    this.sentAt = now
    this.moved = movement(stream)
    this.movedAt = now
  }
}

/** Grows with everything that happens on a stream: bytes of body either way, heads, ends. */
export function movement(stream: Http2Stream): number {
  return (
    stream.received +
    stream.sent +
    stream.interims +
    stream.state +
    (stream.headReceived ? 1 : 0) +
    (stream.responded ? 1 : 0)
  )
}
