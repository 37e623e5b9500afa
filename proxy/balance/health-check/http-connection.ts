/** A request small enough to be kept whole. Field names are lower-case. */
export interface ProbeRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly authority: string
  readonly fields: Readonly<Record<string, string>>
  readonly body: Buffer | null
}

export interface ProbeAnswer {
  readonly status: number
  readonly fields: Readonly<Record<string, string | string[] | undefined>>
  readonly trailers: Readonly<Record<string, string | string[] | undefined>>
  /** At most `MAX_BODY` bytes of the body; the rest is dropped. */
  readonly body: Buffer
}

/** `begun`: at least the status of an answer had come when `error` happened. */
export type Answered = (error: Error | null, answer: ProbeAnswer | null, begun: boolean) => void

/** A client connection that carries one request at a time. */
export interface HttpConnection {
  /** Whether another request may be sent. */
  usable(): boolean
  /** Sends a request; `answered` is called once, unless the connection is closed before. */
  send(request: ProbeRequest, answered: Answered): void
  /** Closes it at once. */
  close(): void
}

/** Bytes of an answer's body that are kept. */
export const MAX_BODY = 64 * 1024

/** Collects a body up to `MAX_BODY`. */
export class BodyHead {
  readonly #chunks: Buffer[] = []
  #room = MAX_BODY

  add(chunk: Buffer): void {
    if (this.#room === 0) return
    const part = chunk.length > this.#room ? chunk.subarray(0, this.#room) : chunk
    this.#room -= part.length
    this.#chunks.push(part)
  }

  whole(): Buffer {
    return Buffer.concat(this.#chunks)
  }
}
