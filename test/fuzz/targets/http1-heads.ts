import type { HeadParser } from '../../../proxy/codec/http1/head-record.ts'
import { DEFAULT_LIMITS, type Http1Limits } from '../../../proxy/codec/http1/limits.ts'
import { RequestHeadParser } from '../../../proxy/codec/http1/request-head.ts'
import { ResponseHeadParser } from '../../../proxy/codec/http1/response-head.ts'
import { Chooser, generateRequest, generateResponse, HTTP1_TOKENS } from '../../support/http1-generator.ts'
import { parseWithLlhttp } from '../../support/llhttp.ts'
import { call, difference, serve } from '../../support/llhttp-comparison.ts'
import { gistOf, type Note, promise, type Target } from '../target.ts'

/** Small, so that they are met. */
const LIMITS: Http1Limits = { ...DEFAULT_LIMITS, headBytes: 600, fields: 8, uriBytes: 100 }

const DICTIONARY = HTTP1_TOKENS.map((text) => Buffer.from(text, 'latin1'))

export const http1RequestHead: Target = {
  name: 'http1-request-head',
  about: 'request heads and what follows them, every prefix, and against llhttp',
  maxBytes: 800,
  seeds: () => seeds(generateRequest),
  dictionary: DICTIONARY,
  mutate: null,
  run: (input, note) => {
    prefixes(new RequestHeadParser('http', LIMITS), input, note)
    const seen = serve(input)
    const differs = difference(seen, parseWithLlhttp(input, 'request'), input.toString('latin1'))
    promise(differs === '', differs)
    const last = seen.slice(-2).map(({ head, end }) => `${Math.sign(head.contentLength)} ${end >= 0}`)
    note(`messages ${Math.min(4, seen.length)} ${last.join()}`)
  },
}

export const http1ResponseHead: Target = {
  name: 'http1-response-head',
  about: 'response heads and what follows them, every prefix, and against llhttp',
  maxBytes: 800,
  seeds: () => seeds(generateResponse),
  dictionary: DICTIONARY,
  mutate: null,
  run: (input, note) => {
    prefixes(new ResponseHeadParser(LIMITS), input, note)
    // Whether the answers are to HEAD hangs on the length, as good a dice as any.
    const headRequest = (index: number): boolean => input.length % 8 === index
    const seen = call(input, headRequest)
    const differs = difference(
      seen,
      parseWithLlhttp(input, 'response', headRequest),
      input.toString('latin1'),
    )
    promise(differs === '', differs)
    const last = seen.slice(-2).map(({ head, end }) => `${Math.floor(head.status / 100)} ${end >= 0}`)
    note(`messages ${Math.min(4, seen.length)} ${last.join()}`)
  },
}

function seeds(generate: (chooser: Chooser, odd: number) => string): Buffer[] {
  return Array.from({ length: 40 }, (_, i) =>
    Buffer.from(generate(new Chooser(i + 1), i < 20 ? 0 : 0.1), 'latin1'),
  )
}

/** A head is whole with its last byte and not before; what is wrong stays wrong. */
function prefixes(parser: HeadParser, input: Buffer, note: Note): void {
  let before = 0
  for (let length = 0; length <= input.length; length++) {
    const result = parser.parse(input, 0, length)
    promise(result >= -1 && result <= length, 'a head longer than its bytes')
    if (before < 0) promise(result === -1, 'a bad head becomes good')
    else if (before > 0) promise(result === before, 'a head ends somewhere else when more follows')
    else if (result > 0) promise(result === length, 'the end of a head is seen late')
    before = result
  }
  if (before < 0) {
    note(gistOf(parser.failed))
    const { status, detail } = parser.failed
    promise(detail !== '' || (status !== 400 && status !== 502), 'refused without a word')
  } else if (before > 0) {
    const { head, framing, keepAlive, http10, expectContinue } = parser.record as NonNullable<
      HeadParser['record']
    >
    note(`${framing} ${keepAlive} ${http10} ${expectContinue} ${head.fields.length}`)
    head.fields.names.forEach((name, i) => {
      promise(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name), 'a field name that is no token')
      promise(!/^[\t ]|[\t ]$/.test(head.fields.values[i] as string), 'a value with white space around it')
    })
  } else note('incomplete')
}
