// What endpoints may and may not send. They are trusted as little as callers: nothing of a response that could be read
// in two ways is handed on, and its connection is not used again.
import t from 'tap'
import { Head } from '../../../../proxy/message/head.ts'
import { ClientBench, type Recorder, turn } from '../../../support/http1-peer.ts'

const OK = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`

/** Refused at the head, whatever follows. */
const REFUSED: readonly (readonly [string, string])[] = [
  // The status line.
  ...[
    'HTTP/1.1',
    'HTTP/1.1 ',
    'HTTP/1.1 2',
    'HTTP/1.1 20',
    'HTTP/1.1 200OK',
    'HTTP/1.1 2000',
    'HTTP/1.1 0200 OK',
    'HTTP/1.1 +20 OK',
    'HTTP/1.1 -20 OK',
    'HTTP/1.1 2 0 OK',
    'HTTP/1.1 20x OK',
    'HTTP/1.1 0x1 OK',
    'HTTP/1.1 000 OK',
    'HTTP/1.1 099 OK',
    'HTTP/1.1 600 OK',
    'HTTP/1.1 999 OK',
    'HTTP/1.1\t200 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1 200\tOK',
    'HTTP/1.1 200\0OK',
    'HTTP/1.1 200 O\0K',
    'HTTP/1.1 200 O\x7fK',
    'HTTP/1.1 200 O\x1bK',
    'HTTP/1.1 200 O\rK',
    'HTTP/1.1 200 OK\r',
    ' HTTP/1.1 200 OK',
    '\r\nHTTP/1.1 200 OK',
    '\nHTTP/1.1 200 OK',
    'HTTP/1.1200 OK',
    'HTTP/11 200 OK',
    'HTTP/1.10 200 OK',
    'HTTP/1.2 200 OK',
    'HTTP/0.9 200 OK',
    'HTTP/2 200 OK',
    'HTTP/2.0 200 OK',
    'http/1.1 200 OK',
    'HTTP /1.1 200 OK',
    'HTTQ/1.1 200 OK',
    'ICY 200 OK',
    'GET / HTTP/1.1',
    '<html>hello</html>',
    '\x16\x03\x01\x02\x00\x01\x00',
    'PRI * HTTP/2.0',
  ].map((line) => [`status line ${JSON.stringify(line)}`, `${line}\r\nContent-Length: 0\r\n\r\n`] as const),
  ['a bare LF behind the status line', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n'],
  ['bare LFs throughout', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  // Lines and octets.
  ...[
    'A: b\r\n c: d',
    ' A: b',
    '\tA: b',
    'A : b',
    'A\t: b',
    'A',
    ': b',
    'A: b\nC: d',
    'A: b\rC: d',
    'A: b\r',
    'A: b\0',
    'A: \x01b',
    'A: b\x0b',
    'A: b\x7f',
    'A\0: b',
    'A(b): c',
    'A b: c',
    '\xc4: b',
    '"a": b',
  ].map((line) => [`field ${JSON.stringify(line)}`, `${OK}${line}\r\nContent-Length: 0\r\n\r\n`] as const),
  ['a bare LF as the empty line', `${OK}Content-Length: 0\r\n\n`],
  // Framing.
  ...[
    'Content-Length: 5\r\nContent-Length: 5',
    'Content-Length: 5\r\nContent-Length: 6',
    'Content-Length: 5\r\nContent-Length: 0',
    'Content-Length: 5, 5',
    'Content-Length: +5',
    'Content-Length: -5',
    'Content-Length: 0x5',
    'Content-Length: 5 5',
    'Content-Length: 5.0',
    'Content-Length: 5;',
    'Content-Length: five',
    'Content-Length:',
    'Content-Length: 1e1',
    'Content-Length: 5\x0b',
    'Content-Length: 9007199254740992',
    'Content-Length: 18446744073709551621',
    'Content-Length : 5',
    'Content-Length: 5\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding: chunked\r\nContent-Length: 5',
    'Transfer-Encoding: chunked\r\nContent-Length: 0',
    'Connection: Content-Length\r\nContent-Length: 5\r\nContent-Length: 6',
    'Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\nContent-Length: 5',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: chunked, gzip',
    'Transfer-Encoding: gzip',
    'Transfer-Encoding: identity',
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding: chunked;a=b',
    'Transfer-Encoding: "chunked"',
    'Transfer-Encoding:',
    'Transfer-Encoding: chunked,',
    'Transfer-Encoding: \x0bchunked',
    'Transfer-Encoding: chunked\xa0',
    'Transfer-Encoding:\r\n chunked',
  ].map((fields) => [JSON.stringify(fields), `${OK}${fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`] as const),
  ['Transfer-Encoding in HTTP/1.0', `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['Transfer-Encoding in 204', 'HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['Transfer-Encoding in 100', 'HTTP/1.1 100 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['101 that nobody asked for', 'HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'],
]

/** Broken behind a head that was good: what is handed on never looks complete. */
const BROKEN: readonly string[] = [
  'x\r\n',
  '\r\n',
  ' 5\r\nhello',
  '5 \r\nhello',
  '5\t\r\nhello',
  '+5\r\nhello',
  '-5\r\nhello',
  '0x5\r\nhello',
  '5h\r\nhello',
  '5,\r\nhello',
  '5\nhello',
  '5\rhello',
  '5\r\nhello\n',
  '5\r\nhello\r\r',
  '5\r\nhellox',
  '5\r\nhel\r\n0\r\n\r\n',
  '5\r\nhello0\r\n\r\n',
  '5;\r\nhello',
  '5;a=\r\nhello',
  '5;a b\r\nhello',
  '5;a\nhello',
  '5;a\0\r\nhello',
  '5;a="b\r\nhello',
  '20000000000000\r\n',
  'fffffffffffffffff\r\n',
  '00000000000000005\r\nhello',
  '0\n\n',
  '0\r\n\n',
  '0\r\n\r\0',
  '0\r\nA\r\n\r\n',
  '0\r\nA : b\r\n\r\n',
  '0\r\n A: b\r\n\r\n',
  '0\r\nA: b\r\n c\r\n\r\n',
  '0\r\nA: b\n\r\n',
  '0\r\nA: \0\r\n\r\n',
  '0\r\n: b\r\n\r\n',
]

/** What must pass: the method asked with, the response, and the events and the body that come of it. */
const ACCEPTED: readonly (readonly [string, string, string, string, string])[] = [
  [
    'no phrase and no space',
    'GET',
    'HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello',
    'head 200,end',
    'hello',
  ],
  ['no phrase', 'GET', 'HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello', 'head 200,end', 'hello'],
  [
    'a phrase of all that is allowed',
    'GET',
    'HTTP/1.1 200 \t~\xe4\xff: 200\r\nContent-Length: 0\r\n\r\n',
    'head 200 end',
    '',
  ],
  [
    'a status of no meaning to us',
    'GET',
    'HTTP/1.1 599 x\r\nContent-Length: 5\r\n\r\nhello',
    'head 599,end',
    'hello',
  ],
  [
    'chunked in any case',
    'GET',
    `${OK}Transfer-Encoding: ChunkeD\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    'head 200,end',
    'hello',
  ],
  [
    'chunks of all forms',
    'GET',
    `${CHUNKED}0005;a="b"\r\nhello\r\n000;x\r\nA: b\r\n\r\n`,
    'head 200,trailers',
    'hello',
  ],
  ['HEAD with a length', 'HEAD', `${OK}Content-Length: 5\r\n\r\n`, 'head 200 end', ''],
  ['HEAD, chunked', 'HEAD', CHUNKED, 'head 200 end', ''],
  [
    '204 with a length that says nothing',
    'GET',
    'HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n',
    'head 204 end',
    '',
  ],
  [
    '304 with the length of what was not modified',
    'GET',
    'HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n',
    'head 304 end',
    '',
  ],
  ['304, chunked', 'GET', 'HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n', 'head 304 end', ''],
  [
    'interim responses, some with a length',
    'GET',
    `HTTP/1.1 100 x\r\n\r\nHTTP/1.1 103 x\r\nContent-Length: 0\r\n\r\n${OK}Content-Length: 5\r\n\r\nhello`,
    'head 100,head 103,head 200,end',
    'hello',
  ],
  [
    'a framing field that Connection nominates',
    'GET',
    `${OK}Connection: content-length\r\nContent-Length: 5\r\n\r\nhello`,
    'head 200,end',
    'hello',
  ],
]

function ask(bench: ClientBench, method = 'GET'): Recorder {
  const { recorder, stream } = bench.open()
  stream.head(Head.request(method, 'http', 'a', '/'), null, true)
  return recorder
}

t.test('refused, in one piece and octet by octet: 502, closed, and nothing handed on', async (t) => {
  for (const [name, response] of REFUSED) {
    for (const size of [response.length, 1]) {
      const bench = new ClientBench()
      const recorder = ask(bench)
      bench.receive(response, size)
      t.match(recorder.reason, { code: 'upstream-protocol', status: 502, unprocessed: false }, name)
      t.strictSame(recorder.events, ['reset upstream-protocol'], name)
      t.ok(bench.socket.destroyed, name)
      t.equal(bench.connection.capacity, 0)
      bench.receive(`${OK}Content-Length: 0\r\n\r\n`)
      t.equal(recorder.head_, null)
      await turn()
      t.strictSame(bench.events, ['closed upstream-protocol'])
    }
  }
})

t.test('broken chunks, in one piece and octet by octet', async (t) => {
  for (const body of BROKEN) {
    for (const size of [body.length, 1]) {
      const bench = new ClientBench()
      const recorder = ask(bench)
      bench.receive(CHUNKED)
      bench.receive(body, size)
      t.equal(recorder.reason?.code, 'upstream-protocol', JSON.stringify(body))
      t.notOk(recorder.events.some((event) => event === 'end' || event === 'trailers'))
      t.ok(bench.socket.destroyed)
    }
  }
})

t.test('accepted, in pieces of every size', async (t) => {
  for (const [name, method, response, events, body] of ACCEPTED) {
    for (let size = 1; size <= response.length; size++) {
      const bench = new ClientBench()
      const recorder = ask(bench, method)
      bench.receive(response, size)
      if (recorder.events.join() !== events || recorder.body !== body) {
        t.fail(`${name}, in pieces of ${size}: ${recorder.events} ${recorder.body}`)
      }
      if (bench.connection.capacity !== 1) t.fail(`${name}, in pieces of ${size}: the connection is lost`)
      bench.dispose()
    }
    t.pass(name)
  }
})

t.test('what stands behind a response never answers another request', async (t) => {
  const second = 'HTTP/1.1 200 OK\r\nX-Second: 1\r\nContent-Length: 6\r\n\r\nsecond'
  for (const [name, method, first] of [
    ['a response of known length', 'GET', `${OK}Content-Length: 5\r\n\r\nhello`],
    ['a chunked response', 'GET', `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`],
    ['an empty response', 'GET', `${OK}Content-Length: 0\r\n\r\n`],
    ['HEAD answered with a body', 'HEAD', `${OK}Content-Length: 5\r\n\r\nhello`],
    ['204 with a body', 'GET', 'HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\nhello'],
    ['304 with a body', 'GET', 'HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\nhello'],
    ['205 with a body', 'GET', 'HTTP/1.1 205 x\r\nContent-Length: 5\r\n\r\nhello'],
  ] as const) {
    const bench = new ClientBench()
    const recorder = ask(bench, method)
    bench.receive(first + second)
    t.match(recorder.events.join(), /^head \d+( end|,end)$/, name)
    t.notMatch(recorder.body, 'second')
    t.equal(recorder.head_?.fields.has('x-second'), false)
    t.equal(bench.connection.capacity, 0, `${name}: the connection is not used again`)
    t.ok(bench.socket.destroyed)
  }
})

t.test('a body of an interim response is what follows it', async (t) => {
  const bench = new ClientBench()
  const recorder = ask(bench)
  bench.receive('HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\nhello')
  t.equal(recorder.reason?.code, 'upstream-protocol', 'hello is no status line')
  t.equal(recorder.body, '')
})
