import type { Http2Stream } from './stream.ts'

/** Streams that have bytes waiting for the connection, each once, served in turn. A linked list through the streams. */
export class ReadyList {
  #first: Http2Stream | null = null
  #last: Http2Stream | null = null

  get empty(): boolean {
    return this.#first === null
  }

  add(stream: Http2Stream): void {
    if (stream.ready) return
    stream.ready = true
    stream.nextReady = null
    stream.previousReady = this.#last
    if (this.#last === null) this.#first = stream
    else this.#last.nextReady = stream
    this.#last = stream
  }

  /** Takes the stream out whose turn it is; only when the list is not empty. */
  take(): Http2Stream {
    const stream = this.#first as Http2Stream
    this.remove(stream)
    return stream
  }

  /** Takes out a stream that is in the list. */
  remove(stream: Http2Stream): void {
    const { previousReady, nextReady } = stream
    if (previousReady === null) this.#first = nextReady
    else previousReady.nextReady = nextReady
    if (nextReady === null) this.#last = previousReady
    else nextReady.previousReady = previousReady
    stream.nextReady = null
    stream.previousReady = null
    stream.ready = false
  }
}
