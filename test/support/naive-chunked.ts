import type { Http1Limits } from '../../proxy/codec/http1/limits.ts'

export interface Chunked {
  /** The body and its trailer section are complete. */
  readonly done: boolean
  /** The data of the chunks that are complete. */
  readonly body: string
  /** Lines of the trailer section, as they came. */
  readonly trailers: readonly string[]
  /** Position behind the last byte. */
  readonly length: number
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const QUOTED = '"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"'
const SIZE_LINE = new RegExp(`^([0-9A-Fa-f]{1,16})((?:;${TOKEN}(?:=(?:${TOKEN}|${QUOTED}))?)*)\\r\\n`)
const TRAILER_LINE = new RegExp(`^${TOKEN}:[\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n`)

/** The chunked coding as RFC 9112 §7.1 writes it down, in regular expressions. */
export function readChunked(text: string, limits: Http1Limits): Chunked {
  let at = 0
  let body = ''
  let extensions = 0
  const unfinished = { done: false, body, trailers: [], length: 0 }
  for (;;) {
    const [line, digits, extension] = SIZE_LINE.exec(text.slice(at)) ?? []
    if (line === undefined) return { ...unfinished, body }
    const size = Number.parseInt(digits as string, 16)
    const length = (extension as string).length
    extensions += length
    if (length > limits.chunkExtensionBytes || extensions > limits.bodyExtensionBytes)
      return { ...unfinished, body }
    at += line.length
    if (size === 0) break
    if (text.slice(at + size, at + size + 2) !== '\r\n') return { ...unfinished, body }
    body += text.slice(at, at + size)
    at += size + 2
  }
  const trailers: string[] = []
  const start = at
  while (!text.startsWith('\r\n', at)) {
    const [line] = TRAILER_LINE.exec(text.slice(at)) ?? []
    if (line === undefined || trailers.length === limits.fields) return { ...unfinished, body }
    trailers.push(line.slice(0, -2))
    at += line.length
  }
  if (at - start > limits.trailerBytes) return { ...unfinished, body }
  return { done: true, body, trailers, length: at + 2 }
}
