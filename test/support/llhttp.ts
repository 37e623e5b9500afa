import { createRequire } from 'node:module'

/** One message as Node's own parser (llhttp) sees it. Text is latin1. */
export interface ParsedMessage {
  /** "" in a response. */
  method: string
  target: string
  /** 0 in a request. */
  status: number
  http10: boolean
  /** Names as they came, values without white space around them. */
  fields: [string, string][]
  trailers: [string, string][]
  body: string
  /** Position behind the message, -1 when it is not complete. */
  end: number
  /** The connection changes its protocol behind it: nothing more is parsed. */
  upgrade: boolean
}

export interface Parsed {
  readonly messages: readonly ParsedMessage[]
  /** The error's code, "" when there was none. */
  readonly error: string
  /** Position of the byte that was refused, -1 when there was none. */
  readonly failedAt: number
}

type Callback = (...values: never[]) => number | undefined

interface Parser {
  [callback: number]: Callback
  initialize(type: number, resource: object, maxHeaderSize: number, lenientFlags: number): void
  execute(bytes: Buffer): number | Error
  finish(): number | Error | undefined
  close(): void
}

// Node offers llhttp in no other way; `node:http` itself loads it so.
const { HTTPParser, methods } = createRequire(import.meta.url)('node:_http_common') as {
  HTTPParser: (new () => Parser) & Record<string, number>
  methods: readonly string[]
}

/** The methods that llhttp knows: it refuses all others. */
export const LLHTTP_METHODS: ReadonlySet<string> = new Set(methods)

/**
 * Reads messages one after another from `bytes`, without any leniency, `size` bytes at a time: one by one it is known
 * where each of them ends. `headRequest` says whether the final response number i answers HEAD.
 */
export function parseWithLlhttp(
  bytes: Buffer,
  role: 'request' | 'response',
  headRequest: (index: number) => boolean = () => false,
  size = 1,
): Parsed {
  const parser = new HTTPParser()
  // A header limit far above what any test sends; 0 lenient flags: the strict mode.
  parser.initialize(
    (role === 'request' ? HTTPParser['REQUEST'] : HTTPParser['RESPONSE']) as number,
    {},
    1 << 20,
    0,
  )
  const messages: ParsedMessage[] = []
  let at = 0
  let lines: string[] = []
  // Behind trailers Node hands the target of the next request over early.
  let early = ''
  let final = 0
  const message = (): ParsedMessage => messages[messages.length - 1] as ParsedMessage
  const on = (name: string, callback: Callback): void => {
    parser[HTTPParser[name] as number] = callback
  }
  on('kOnHeaders', (list: string[], target: string) => {
    lines.push(...list)
    early = target
    return undefined
  })
  on(
    'kOnHeadersComplete',
    (
      major: number,
      minor: number,
      list: string[] | undefined,
      method: number | undefined,
      target: string | undefined,
      status: number | undefined,
      _phrase: unknown,
      upgrade: boolean,
    ) => {
      messages.push({
        method: method === undefined ? '' : (methods[method] as string),
        target: target ?? early,
        status: status ?? 0,
        http10: major === 1 && minor === 0,
        fields: pairs([...lines, ...(list ?? [])]),
        trailers: [],
        body: '',
        end: -1,
        upgrade,
      })
      lines = []
      if (role === 'request' || (status as number) < 200) return 0
      return headRequest(final++) ? 1 : 0
    },
  )
  on('kOnBody', (chunk: Buffer) => {
    message().body += chunk.toString('latin1')
    return undefined
  })
  on('kOnMessageComplete', () => {
    message().trailers = pairs(lines)
    lines = []
    early = ''
    message().end = at + 1
    return undefined
  })
  let error = ''
  let failedAt = -1
  for (at = 0; at < bytes.length; at += size) {
    const result = parser.execute(bytes.subarray(at, at + size))
    if (result instanceof Error) {
      error = (result as Error & { code: string }).code
      failedAt = at
      break
    }
    if (messages.length > 0 && message().upgrade && message().end >= 0) break
  }
  if (error === '') {
    at = bytes.length - 1
    const result = parser.finish()
    if (result instanceof Error) error = (result as Error & { code: string }).code
  }
  parser.close()
  return { messages, error, failedAt }
}

function pairs(list: readonly string[]): [string, string][] {
  const out: [string, string][] = []
  for (let i = 0; i < list.length; i += 2) out.push([list[i] as string, list[i + 1] as string])
  return out
}
