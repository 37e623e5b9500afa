import type { Readable } from 'node:stream'
import { PatternCheck } from './pattern.ts'

/** One request, for either client. */
export interface HttpCall {
  /** GET by default, POST with a body. */
  readonly method?: string
  /** "/" by default. */
  readonly path?: string
  /** `:authority` or Host; the client's by default. */
  readonly authority?: string
  readonly headers?: Record<string, string | string[]>
  /** A stream goes out chunked (HTTP/1.1) unless the headers have a content-length; its errors abort the request. */
  readonly body?: string | Buffer | Readable
  readonly trailers?: Record<string, string>
  /** Keep the response's body (`body`), the default, or only count it and compare it with the pattern. */
  readonly keep?: boolean
  /** Called for each chunk of the response; the next one is read when the promise resolves. */
  readonly onData?: (chunk: Buffer) => void | Promise<void>
  /** Cancels the request. */
  readonly signal?: AbortSignal
}

/** A complete response. */
export interface HttpReply {
  readonly status: number
  /** Fields with lower-case names, several values joined with ", ". */
  readonly headers: Record<string, string>
  readonly trailers: Record<string, string>
  /** Empty with `keep: false`. */
  readonly body: Buffer
  readonly bytes: number
  /** True when the body is the pattern's first `bytes` bytes. */
  readonly intact: boolean
  /** 1xx responses that came before, in order. */
  readonly interim: readonly Interim[]
}

export interface Interim {
  readonly status: number
  readonly headers: Record<string, string>
}

/** A request that got no complete response. */
export class HttpCallError extends Error {
  override readonly name = 'HttpCallError'
  /** Node's error code such as ECONNRESET or ERR_HTTP2_STREAM_ERROR, "" when there was none. */
  readonly code: string
  /** HTTP/2 error code of the RST_STREAM, -1 when there was none. */
  readonly rstCode: number
  /** Status that had arrived, 0 for none. */
  readonly status: number
  /** Body bytes that had arrived. */
  readonly bytes: number

  constructor(cause: unknown, rstCode: number, status: number, bytes: number) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    this.rstCode = rstCode
    this.status = status
    this.bytes = bytes
  }
}

/** Takes a response's body as the call asks. */
export class BodyReader {
  readonly check = new PatternCheck()
  readonly #chunks: Buffer[] = []
  readonly #call: HttpCall

  constructor(call: HttpCall) {
    this.#call = call
  }

  async read(stream: AsyncIterable<Buffer>): Promise<void> {
    for await (const chunk of stream) {
      this.check.take(chunk)
      if (this.#call.keep !== false) this.#chunks.push(chunk)
      if (this.#call.onData !== undefined) await this.#call.onData(chunk)
    }
  }

  get body(): Buffer {
    return Buffer.concat(this.#chunks)
  }
}

/** Fields without pseudo-fields, several values joined. */
export function plainFields(fields: object): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith(':') || value === undefined) continue
    out[name] = Array.isArray(value) ? value.join(', ') : String(value)
  }
  return out
}
