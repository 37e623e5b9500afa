import { SeededRandom } from '../../proxy/base/random.ts'

/** Picks for tests: every choice follows from the seed. */
export class Chooser {
  readonly random: SeededRandom

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    // The first numbers of neighbouring seeds are alike.
    for (let i = 0; i < 8; i++) this.random.next()
  }

  /** An integer from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.random.next() * count)
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  /** True `share` of the time. */
  often(share: number): boolean {
    return this.random.next() < share
  }
}

const METHODS = [
  'GET',
  'GET',
  'POST',
  'POST',
  'PUT',
  'HEAD',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'REPORT',
  'M-SEARCH',
]
const ODD_METHODS = ['get', 'FOO', 'G ET', '', 'GET\t', 'PRI', '"', 'GET/']
const TARGETS = [
  '/',
  '/',
  '/a',
  '/a/b?c=d&e',
  '/%20%2f',
  '/a;b=c',
  "/~!$&'()*+,;=:@",
  '//x/../y',
  '/?',
  '/a?b?c/d',
]
const ODD_TARGETS = [
  '*', 'http://shop/', 'http://shop', 'https://shop/a?b', 'HTTP://shop/', 'http://shop?x', 'http:///', 'http://',
  'shop', 'shop:80', '', 'a b', '/a#b', '/\x7f', '/\xe9', '/"<>\\^`{|}', 'http://u@shop/', '/a\tb', 'ftp://shop/',
] // biome-ignore format: one table
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0']
const ODD_VERSIONS = [
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1.1 ',
  'HTTP/01.1',
  'HTTP/1,1',
  'HTTP/11',
  '',
]
const NAMES = [
  'Accept',
  'X-A',
  'x-b',
  'Cookie',
  'User-Agent',
  'Content-Type',
  'TE',
  'Trailer',
  "!#$%&'*+-.^_`|~0aZ",
  'X',
]
const VALUES = [
  '',
  'a',
  'a b',
  '  a',
  'a  ',
  '\ta\t',
  'trailers',
  'text/plain; q=0.5, */*',
  '\xe9\xff',
  '"quoted, \\" text"',
  ':',
  'a:b',
]
const FIELD_LINES = [
  'Connection: keep-alive', 'Connection: close', 'Connection: x-a', 'Connection: X-A, keep-alive', 'Connection:',
  'Keep-Alive: timeout=5', 'Proxy-Connection: keep-alive', 'TE: trailers', 'TE: gzip;q=1, trailers', 'Expect: 100-continue',
  'Expect: 100-Continue', 'Content-Type: application/grpc', 'Connection: content-length', 'Connection: ,close ,',
] // biome-ignore format: one table
const ODD_LINES = [
  'Host: shop', 'Host:', 'Host : shop', ' folded', '\tfolded', 'No-Colon', ': nameless', 'X-A : b', 'X\tA: b', 'X A: b',
  'X-A: b\rc', 'X-A: b\nX-C: d', 'X-A: \0', 'X-A: \x7f', 'X-A: \x0b', 'X-\xe9: b', 'X-(A): b', 'Content-Length: 3',
  'Content-Length: 3, 3', 'Content-Length: +3', 'Content-Length: 0x3', 'Content-Length: 3 3', 'Content-Length:',
  'Content-Length: -3', 'Content-Length: 003', 'Content-Length: 9007199254740993', 'Content-Length : 3',
  'Transfer-Encoding: chunked', 'Transfer-Encoding: Chunked', 'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: chunked, gzip', 'Transfer-Encoding: identity',
  'Transfer-Encoding: xchunked', 'Transfer-Encoding:', 'Transfer-Encoding : chunked', 'Transfer-Encoding: \x0bchunked',
  'Transfer_Encoding: chunked', 'Expect: 200-ok', '\rX-A: b', '\nX-A: b',
] // biome-ignore format: one table
const EXTENSIONS = [';a', ';a=b', ';a="b c"', ';a=b;c', ';a="\\""']
const ODD_EXTENSIONS = [
  ';',
  ';=',
  ';a=',
  ' ;a',
  '; a',
  ';a = b',
  ';a="',
  ';\x7f',
  ';a=\n',
  ';a="\t\xe9"',
  ' ',
  '\t',
  ';a="\n"',
]
const ODD_SIZES = [
  '',
  '-1',
  '+5',
  '0x5',
  '5 ',
  ' 5',
  'g',
  '00000000000000005',
  '1ffffffffffffffff',
  'ffffffff',
  '5\n',
  '5\r',
]

/** `odd`: how often something is wrong or rare, from 0 (always valid and plain) to 1. */
export function generateRequest(chooser: Chooser, odd: number): string {
  const pick = (plain: readonly string[], rare: readonly string[]): string =>
    chooser.of(chooser.often(odd) ? rare : plain)
  let text = chooser.often(odd / 4) ? chooser.of(['\r\n', '\n', '\r', '\r\n\r\n', ' ']) : ''
  const version = pick(VERSIONS, ODD_VERSIONS)
  text += `${pick(METHODS, ODD_METHODS)} ${pick(TARGETS, ODD_TARGETS)} ${version}${lineEnd(chooser, odd)}`
  const lines = ['Host: shop', ...fieldLines(chooser, odd)]
  if (chooser.often(odd / 4)) lines.shift()
  return text + message(chooser, odd, lines, version === 'HTTP/1.0', false)
}

const STATUSES = ['200 OK', '200', '200 ', '201 Created', '404 Not Found', '500 x', '299 \xe9\t!']
const RARE_STATUSES = [
  '100 Continue',
  '103 Early Hints',
  '102',
  '204 No Content',
  '304 Not Modified',
  '199 x',
]
const ODD_STATUSES = [
  '099 x',
  '600 x',
  '1000 x',
  '20 x',
  '200OK',
  '2x0 x',
  '200\tOK',
  ' 200 OK',
  '200 \x7f',
  '200 \0',
  '101 x',
  '-20 x',
  '',
]

export function generateResponse(chooser: Chooser, odd: number): string {
  const rare = chooser.often(0.2)
  const version = chooser.often(odd) ? chooser.of(ODD_VERSIONS) : chooser.of(VERSIONS)
  const status = chooser.often(odd) ? chooser.of(ODD_STATUSES) : chooser.of(rare ? RARE_STATUSES : STATUSES)
  const bodiless = /^(1|204|304)/.test(status)
  const lines = fieldLines(chooser, odd)
  return `${version} ${status}${lineEnd(chooser, odd)}${message(chooser, odd, lines, version === 'HTTP/1.0', bodiless)}`
}

function fieldLines(chooser: Chooser, odd: number): string[] {
  const lines: string[] = []
  for (let n = chooser.below(5); n > 0; n--) {
    if (chooser.often(odd)) lines.push(chooser.of(ODD_LINES))
    else if (chooser.often(0.3)) lines.push(chooser.of(FIELD_LINES))
    else lines.push(`${chooser.of(NAMES)}:${chooser.often(0.9) ? ' ' : ''}${chooser.of(VALUES)}`)
  }
  return lines
}

/** The fields with one that says how long the body is, and the body. */
function message(chooser: Chooser, odd: number, lines: string[], http10: boolean, bodiless: boolean): string {
  const framing = chooser.below(4)
  let body = ''
  let line = ''
  if (framing === 1) {
    body = chooser.of(['', 'x', 'hello', 'GET / HTTP/1.1\r\n\r\n', 'x'.repeat(300)])
    line = `${chooser.of(['Content-Length', 'content-length'])}: ${body.length}`
    if (chooser.often(odd / 2)) body = body.slice(1)
    if (bodiless) body = ''
  } else if (framing > 1 && ((!http10 && !bodiless) || chooser.often(odd))) {
    line = chooser.of(['Transfer-Encoding: chunked', 'transfer-encoding: CHUNKED'])
    body = chunkedBody(chooser, odd)
  }
  if (line !== '') lines.splice(chooser.below(lines.length + 1), 0, line)
  return `${lines.map((each) => each + lineEnd(chooser, odd)).join('')}${lineEnd(chooser, odd)}${body}`
}

export function chunkedBody(chooser: Chooser, odd: number): string {
  let text = ''
  const size = (bytes: number): string => {
    if (chooser.often(odd)) return chooser.of(ODD_SIZES)
    const digits = bytes.toString(16)
    return chooser.often(0.2) ? `0${digits.toUpperCase()}` : digits
  }
  const extension = (): string => {
    if (chooser.often(odd)) return chooser.of(ODD_EXTENSIONS)
    return chooser.often(0.2) ? chooser.of(EXTENSIONS) : ''
  }
  for (let n = chooser.below(4); n > 0; n--) {
    const data = chooser.of(['a', 'hello', '0\r\n\r\n', '\0\xff', 'x'.repeat(17), 'y'.repeat(256)])
    text += `${size(data.length)}${extension()}${lineEnd(chooser, odd)}${data}${lineEnd(chooser, odd)}`
  }
  text += `${size(0)}${extension()}${lineEnd(chooser, odd)}`
  if (chooser.often(0.3)) {
    const lines = [
      'X-Sum: 1',
      'grpc-status: 0',
      'Content-Length: 5',
      'Host: other',
      'x-c:',
      ...ODD_LINES.slice(0, 20),
    ]
    for (let n = 1 + chooser.below(2); n > 0; n--) {
      text += chooser.of(chooser.often(odd) ? lines : lines.slice(0, 5)) + lineEnd(chooser, odd)
    }
  }
  return text + lineEnd(chooser, odd)
}

function lineEnd(chooser: Chooser, odd: number): string {
  return chooser.often(odd / 8) ? chooser.of(['\n', '\r', '\r\r\n', ' \r\n', '', '\n\r']) : '\r\n'
}

const OCTETS = [
  '\0',
  '\t',
  '\n',
  '\r',
  '\r\n',
  ' ',
  '"',
  '#',
  ',',
  '/',
  '0',
  '1',
  ':',
  ';',
  '=',
  'a',
  '\x7f',
  '\x80',
  '\xff',
]

/** A few bytes changed, left out, doubled or put in. */
export function mutateText(chooser: Chooser, text: string): string {
  for (let n = 1 + chooser.below(3); n > 0; n--) {
    const at = chooser.below(text.length + 1)
    const action = chooser.below(5)
    if (action === 0) text = text.slice(0, at) + chooser.of(OCTETS) + text.slice(at + 1)
    else if (action === 1) text = text.slice(0, at) + chooser.of(OCTETS) + text.slice(at)
    else if (action === 2) text = text.slice(0, at) + text.slice(at + 1 + chooser.below(4))
    else if (action === 3) text = text.slice(0, at) + text.slice(Math.max(0, at - chooser.below(20)))
    else text = text.slice(0, at) + chooser.of([...ODD_LINES, ...FIELD_LINES]) + text.slice(at)
  }
  return text
}

/** What means something in a message, for a fuzzer to put in. */
export const HTTP1_TOKENS: readonly string[] = [
  ...[
    'GET / HTTP/1.1\r\n',
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.0',
    'Host: a\r\n',
    '\r\n',
    '\r\n\r\n',
    '0\r\n\r\n',
    '5\r\nhello\r\n',
  ],
  ...ODD_LINES.map((line) => `${line}\r\n`),
  ...FIELD_LINES.map((line) => `${line}\r\n`),
  ...OCTETS,
]
