import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { cutOff, type PeerRequest, type PeerResponse, type SeenRequest } from './http-exchange.ts'
import { patternStream } from './pattern.ts'

/** One request in the hands of a behaviour. */
export interface Situation {
  readonly request: PeerRequest
  readonly response: PeerResponse
  readonly query: URLSearchParams
  /** The second segment of the path: `1000` of `/bytes/1000`. */
  readonly argument: string
  readonly seen: SeenRequest
  /** Resolves when the test releases the upstream, rejects when the request ends before. */
  held(): Promise<void>
  changed(): void
}

/** What an upstream does, by the first segment of the path. */
export const behaviours: Record<string, (situation: Situation) => Promise<void>> = {
  /** The request's head as JSON, with what the server makes of it. */
  async headers({ request, response, seen }) {
    await drain(request)
    json(response, 200, seen)
  },

  /** The body comes back as it arrives, with its content-type, content-length and trailers. */
  async echo({ request, response, seen, changed }) {
    for (const name of ['content-type', 'content-length', 'trailer']) {
      const value = request.headers[name]
      if (typeof value === 'string') response.setHeader(name, value)
    }
    head(response, 200)
    for await (const chunk of request as AsyncIterable<Buffer>) {
      seen.body.take(chunk)
      changed()
      await write(response, chunk)
    }
    addTrailers(response, request.trailers as Record<string, string>)
    response.end()
  },

  /** `/bytes/N`: N bytes of the pattern; `?framing=length` (default) or `chunked`, `?chunk=BYTES` per write. */
  async bytes({ response, query, argument }) {
    const length = Number(argument)
    response.setHeader('content-type', 'application/octet-stream')
    if (query.get('framing') !== 'chunked') response.setHeader('content-length', length)
    head(response, 200)
    // Both kinds of response are writable streams.
    const out = response as unknown as NodeJS.WritableStream
    await pipeline(patternStream(length, Number(query.get('chunk') ?? 65_536)), out)
  },

  /**
   * Reads the body and says what came, as JSON `{bytes, intact, trailers}`; `?every=MS` waits after each chunk,
   * `?hold` does not read before the test says so.
   */
  async sink({ request, response, query, seen, held, changed }) {
    if (query.has('hold')) await held()
    const every = Number(query.get('every') ?? 0)
    for await (const chunk of request as AsyncIterable<Buffer>) {
      seen.body.take(chunk)
      changed()
      if (every > 0) await sleep(every)
    }
    json(response, 200, { bytes: seen.body.bytes, intact: seen.body.intact, trailers: request.trailers })
  },

  /** `/trailers`: a body of 5 bytes, then `x-checksum: abc` and `x-late: yes`. */
  async trailers({ request, response }) {
    await drain(request)
    response.setHeader('trailer', 'x-checksum, x-late')
    head(response, 200)
    await write(response, Buffer.from('hello'))
    addTrailers(response, { 'x-checksum': 'abc', 'x-late': 'yes' })
    response.end()
  },

  /** `/status/CODE`: that status with a body that names it; `?field=NAME:VALUE` adds fields. */
  async status({ request, response, query, argument }) {
    await drain(request)
    for (const field of query.getAll('field')) {
      const colon = field.indexOf(':')
      response.setHeader(field.slice(0, colon), field.slice(colon + 1))
    }
    head(response, Number(argument))
    response.end(argument === '204' || argument === '304' ? '' : `status ${argument}\n`)
  },

  /** Answers when the test releases it. */
  async hold({ request, response, held }) {
    await held()
    await drain(request)
    head(response, 200)
    response.end('released\n')
  },

  /** `/delay/MS`: answers after that time. */
  async delay({ request, response, argument }) {
    await drain(request)
    await sleep(Number(argument))
    head(response, 200)
    response.end('late\n')
  },

  /** `/early`: 103 Early Hints with a link, then 200. */
  async early({ request, response }) {
    await drain(request)
    response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    head(response, 200)
    response.end('early\n')
  },

  /** `/refuse`: 413 before the body is read; what still comes of it is thrown away. */
  async refuse({ request, response }) {
    head(response, 413)
    response.end('too large\n')
    request.resume()
  },

  /** `/cut`: breaks off without a response; `/cut/N`: after N bytes of a body that promised one more. */
  async cut({ request, response, argument, query }) {
    if (argument !== '') {
      const length = Number(argument)
      if (query.get('framing') !== 'chunked') response.setHeader('content-length', length + 1)
      head(response, 200)
      for await (const chunk of patternStream(length)) await write(response, chunk as Buffer)
      await flushed(response)
    }
    cutOff(request)
  },

  /** `/close`: a whole answer, then the connection closes (HTTP/1.1: `connection: close`; HTTP/2: GOAWAY). */
  async close({ request, response }) {
    await drain(request)
    if ('stream' in request) request.stream.session?.close()
    else response.setHeader('connection', 'close')
    head(response, 200)
    response.end('bye\n')
  },

  /** `/reset/CODE`: HTTP/2 resets the stream with that error code, HTTP/1.1 closes the connection. */
  async reset({ request, argument }) {
    if ('stream' in request) request.stream.close(Number(argument))
    else cutOff(request)
  },

  /** `/events/N`: N server-sent events, `?every=MS` apart (10 by default); `?hold` waits for a release before each. */
  async events({ response, query, argument, held }) {
    response.setHeader('content-type', 'text/event-stream')
    head(response, 200)
    for (let i = 0; i < Number(argument); i++) {
      if (query.has('hold')) await held()
      else await sleep(Number(query.get('every') ?? 10))
      await write(response, Buffer.from(`data: ${i}\n\n`))
    }
    response.end()
  },
}

export function json(response: PeerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value)
  response.setHeader('content-type', 'application/json')
  response.setHeader('content-length', Buffer.byteLength(text))
  head(response, status)
  response.end(text)
}

// The members below have the same meaning but not the same type in both kinds of response.

function head(response: PeerResponse, status: number): void {
  response.statusCode = status
  ;(response as ServerResponse).flushHeaders()
}

function addTrailers(response: PeerResponse, trailers: Record<string, string>): void {
  ;(response as ServerResponse).addTrailers(trailers)
}

async function write(response: PeerResponse, chunk: Buffer): Promise<void> {
  if (response.destroyed) throw new Error('the caller is gone')
  if ((response as ServerResponse).write(chunk)) return
  const gone = new AbortController()
  const abort = () => gone.abort()
  response.once('close', abort)
  await once(response, 'drain', { signal: gone.signal })
  response.removeListener('close', abort)
}

/** Waits until everything written has been handed to the kernel. */
function flushed(response: PeerResponse): Promise<void> {
  return new Promise((resolve) => {
    ;(response as ServerResponse).write('', () => resolve())
  })
}

async function drain(request: PeerRequest): Promise<void> {
  for await (const _ of request as AsyncIterable<Buffer>) {
    // Thrown away.
  }
}
