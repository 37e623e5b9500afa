import t from 'tap'
import { Chooser, generateRequest, generateResponse, mutateText } from '../../../support/http1-generator.ts'
import { type Parsed, parseWithLlhttp } from '../../../support/llhttp.ts'
import { call, difference, type Seen, serve } from '../../../support/llhttp-comparison.ts'

class Tally {
  inputs = 0
  /** Messages that both accepted whole. */
  both = 0
  bodies = 0
  trailers = 0
  /** Inputs with several complete messages. */
  pipelined = 0
  /** Inputs of which we took less than llhttp. */
  stricter = 0

  add(seen: readonly Seen[], parsed: Parsed): void {
    const complete = seen.filter(({ end }) => end >= 0)
    this.inputs += 1
    this.both += complete.length
    this.bodies += complete.filter(({ recorder }) => (recorder?.body.length ?? 0) > 0).length
    this.trailers += complete.filter(({ recorder }) => recorder?.trailers_ != null).length
    if (complete.length > 1) this.pipelined += 1
    if (complete.length < parsed.messages.filter(({ end }) => end >= 0).length) this.stricter += 1
  }

  get text(): string {
    return `${this.inputs} inputs; accepted by both: ${this.both} messages, ${this.bodies} with a body, ${this.trailers} with trailers, ${this.pipelined} times several; ${this.stricter} times only by llhttp`
  }
}

function requests(text: string, tally: Tally): string {
  const bytes = Buffer.from(text, 'latin1')
  const [seen, parsed] = [serve(bytes), parseWithLlhttp(bytes, 'request')]
  tally.add(seen, parsed)
  return difference(seen, parsed, text)
}

function responses(text: string, headRequest: (index: number) => boolean, tally: Tally): string {
  const bytes = Buffer.from(text, 'latin1')
  const [seen, parsed] = [call(bytes, headRequest), parseWithLlhttp(bytes, 'response', headRequest)]
  tally.add(seen, parsed)
  return difference(seen, parsed, text)
}

/** Written by hand: the classics of request smuggling, and what must still work. */
const REQUESTS = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  '\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.1\nHost: a\n\n',
  'GET / HTTP/1.1\rHost: a\r\r',
  'GET /\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b;c="d;\\" e"\r\nhello\r\n0;x\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;\nhello\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x00\r\n\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello',
  'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n',
  'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n',
  'PURGE /a HTTP/1.1\r\nHost: a\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n',
]
const RESPONSES = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 199 x\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\n\r\nuntil the end',
  'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nxHTTP/1.0 200 OK\r\n\r\nx',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\ngrpc-status: 0\r\n\r\nHTTP/1.1 200\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
  '\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n',
]

t.test('written by hand', async (t) => {
  const tally = new Tally()
  for (const text of REQUESTS) t.equal(requests(text, tally), '', JSON.stringify(text))
  for (const text of RESPONSES)
    t.equal(
      responses(text, () => false, tally),
      '',
      JSON.stringify(text),
    )
  t.ok(tally.both >= 30, tally.text)
})

/** How odd the inputs are: plain and valid, now and then odd, mutated. */
const ROUNDS = [
  { odd: 0, mutated: false, count: 1000 },
  { odd: 0.05, mutated: false, count: 2000 },
  { odd: 0.3, mutated: false, count: 1000 },
  { odd: 0.02, mutated: true, count: 5000 },
]

t.test('requests: what we accept llhttp accepts, and reads alike', async (t) => {
  const tally = new Tally()
  const found: string[] = []
  let seed = 1
  for (const { odd, mutated, count } of ROUNDS) {
    for (let n = 0; n < count; n++) {
      const chooser = new Chooser(seed++)
      let text = generateRequest(chooser, odd)
      for (let more = chooser.below(3); more > 0; more--) text += generateRequest(chooser, odd)
      if (mutated) text = mutateText(chooser, text)
      const differs = requests(text, tally)
      if (differs !== '') found.push(`${differs}: ${JSON.stringify(text)} (seed ${seed - 1})`)
    }
    t.comment(tally.text)
  }
  t.strictSame(found.slice(0, 5), [], `${found.length} differences`)
  t.ok(tally.both > 5000 && tally.bodies > 2000 && tally.trailers > 300 && tally.pipelined > 1000, tally.text)
  t.ok(tally.stricter > 100, 'and we refuse some that it takes')
})

t.test('responses: what we accept llhttp accepts, and reads alike', async (t) => {
  const tally = new Tally()
  const found: string[] = []
  let seed = 1_000_001
  for (const { odd, mutated, count } of ROUNDS) {
    for (let n = 0; n < count; n++) {
      const chooser = new Chooser(seed++)
      let text = generateResponse(chooser, odd)
      for (let more = chooser.below(3); more > 0; more--) text += generateResponse(chooser, odd)
      if (mutated) text = mutateText(chooser, text)
      const heads = chooser.below(8)
      const differs = responses(text, (index) => heads === index, tally)
      if (differs !== '') found.push(`${differs}: ${JSON.stringify(text)} (seed ${seed - 1})`)
    }
    t.comment(tally.text)
  }
  t.strictSame(found.slice(0, 5), [], `${found.length} differences`)
  t.ok(tally.both > 5000 && tally.bodies > 2000 && tally.trailers > 200 && tally.pipelined > 1000, tally.text)
})
