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
    if (this.#last === null) this.#first = stream
    else this.#last.nextReady = stream
    this.#last = stream
  }

  /** Takes the stream out whose turn it is; only when the list is not empty. */
  take(): Http2Stream {
    const stream = this.#first as Http2Stream
    this.#first = stream.nextReady
    if (this.#first === null) this.#last = null
    stream.ready = false
    return stream
  }
}
