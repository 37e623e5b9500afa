import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import t from 'tap'
import { Head } from '../../../../proxy/message/head.ts'
import { type Accepted, ServerBench, turn } from '../../../support/http1-peer.ts'

const HOST = 'Host: shop\r\n'
const CHUNKED = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`

/** What must be turned away, with the status. Chunk errors are found behind the head. */
const REFUSED: [string, number, string][] = [
  // Framing.
  [
    'Content-Length with Transfer-Encoding',
    400,
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'Transfer-Encoding with Content-Length',
    400,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
  ],
  [
    'Transfer-Encoding in HTTP/1.0',
    400,
    `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['chunked not last', 400, `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, gzip\r\n\r\n`],
  ['chunked twice', 400, `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
  [
    'two Transfer-Encoding fields',
    400,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['identity', 400, `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: identity\r\n\r\n`],
  ['xchunked', 400, `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
  ['quoted chunked', 400, `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`],
  [
    'chunked with a parameter',
    400,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n`,
  ],
  ['empty Transfer-Encoding', 400, `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\n\r\n0\r\n\r\n`],
  [
    'vertical tab before chunked',
    400,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'no-break space behind chunked',
    400,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n`,
  ],
  ...[
    'chunked,',
    ',chunked',
    'chunked, ',
    'chunked, chunked',
    'chunked, identity',
    'gzip',
    'gzip;q=1, chunked',
    'gz ip, chunked',
    '"gzip", chunked',
    'gzip, "chunked"',
    'gzip,, chunked',
    'chunked\x0b',
    '\x00chunked',
    'chun\x00ked',
    'chunked\xff',
    '[chunked]',
    'chunked=1',
    'x, chunked, y',
  ].map((value): [string, number, string] => [
    `Transfer-Encoding ${JSON.stringify(value)}`,
    400,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`,
  ]),
  ...['gzip, chunked', 'GZIP,Chunked', 'deflate, gzip, chunked', 'identity, chunked', 'my-own, chunked'].map(
    (value): [string, number, string] => [
      `Transfer-Encoding "${value}"`,
      501,
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`,
    ],
  ),
  [
    'Transfer-Encoding folded',
    400,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'Transfer-Encoding with a space before the colon',
    400,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding : chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`,
  ],
  [
    'Transfer-Encoding that Connection nominates, with Content-Length',
    400,
    `POST / HTTP/1.1\r\n${HOST}Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
  ],
  [
    'Content-Length twice, of which Connection nominates',
    400,
    `POST / HTTP/1.1\r\n${HOST}Connection: Content-Length\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
  ],
  [
    'Content-Length with Transfer-Encoding in a GET',
    400,
    `GET / HTTP/1.1\r\n${HOST}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['a folded line of white space alone', 400, `GET / HTTP/1.1\r\n${HOST} \r\n\r\n`],
  [
    'content types of which one is gRPC',
    400,
    `POST / HTTP/1.1\r\n${HOST}Content-Type: text/plain\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n`,
  ],
  [
    'content types of which the first is gRPC',
    400,
    `POST / HTTP/1.1\r\n${HOST}Content-Type: application/grpc\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n`,
  ],
  ['another coding', 501, `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  [
    'Content-Length twice, equal',
    400,
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`,
  ],
  [
    'Content-Length twice',
    400,
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`,
  ],
  ...[
    '5, 5',
    '+5',
    '-5',
    '0x5',
    '5 5',
    '5.0',
    '',
    '5;',
    'five',
    '9007199254740992',
    '9007199254740993',
    '18446744073709551621',
    '\x0b5',
    '5\xa0',
    '1_000',
    '1e1',
    '５',
    '0b101',
    '05 ,5',
    'infinity',
    '99999999999999999999',
  ].map((value): [string, number, string] => [
    `Content-Length "${value}"`,
    400,
    `POST / HTTP/1.1\r\n${HOST}Content-Length: ${value}\r\n\r\nhello`,
  ]),
  // Lines and octets.
  ['folded field', 400, `GET / HTTP/1.1\r\n${HOST}A: b\r\n c\r\n\r\n`],
  ['folded first field', 400, `GET / HTTP/1.1\r\n Host: shop\r\n\r\n`],
  ['tab before a field', 400, `GET / HTTP/1.1\r\n${HOST}\tA: b\r\n\r\n`],
  ['space before colon', 400, `GET / HTTP/1.1\r\n${HOST}A : b\r\n\r\n`],
  ['tab before colon', 400, `GET / HTTP/1.1\r\n${HOST}Content-Length\t: 5\r\n\r\nhello`],
  ['no colon', 400, `GET / HTTP/1.1\r\n${HOST}A\r\n\r\n`],
  ['no name', 400, `GET / HTTP/1.1\r\n${HOST}: b\r\n\r\n`],
  ['bare LF behind the request line', 400, `GET / HTTP/1.1\n${HOST}\r\n`],
  ['bare LF behind a field', 400, `GET / HTTP/1.1\r\nHost: shop\nA: b\r\n\r\n`],
  ['bare LF as the empty line', 400, `GET / HTTP/1.1\r\n${HOST}\n`],
  ['bare LF throughout', 400, 'GET / HTTP/1.1\nHost: shop\n\n'],
  ['bare CR in a value', 400, `GET / HTTP/1.1\r\n${HOST}A: b\rc\r\n\r\n`],
  ['CR CR LF', 400, `GET / HTTP/1.1\r\n${HOST}A: b\r\r\n\r\n`],
  ['bare CR in a name', 400, `GET / HTTP/1.1\r\n${HOST}A\rB: c\r\n\r\n`],
  ['bare CR in the request line', 400, `GET /\r HTTP/1.1\r\n${HOST}\r\n`],
  ...['\0', '\x01', '\x0b', '\x0c', '\x1b', '\x7f'].flatMap((octet): [string, number, string][] => [
    [`octet ${JSON.stringify(octet)} in a value`, 400, `GET / HTTP/1.1\r\n${HOST}A: b${octet}c\r\n\r\n`],
    [`octet ${JSON.stringify(octet)} in a name`, 400, `GET / HTTP/1.1\r\n${HOST}A${octet}: b\r\n\r\n`],
    [`octet ${JSON.stringify(octet)} in the target`, 400, `GET /${octet} HTTP/1.1\r\n${HOST}\r\n`],
    [`octet ${JSON.stringify(octet)} in the method`, 400, `GE${octet}T / HTTP/1.1\r\n${HOST}\r\n`],
  ]),
  ['a name that is no token', 400, `GET / HTTP/1.1\r\n${HOST}A(b): c\r\n\r\n`],
  ['a name beyond ASCII', 400, `GET / HTTP/1.1\r\n${HOST}\xc4: c\r\n\r\n`],
  // Request line.
  ['a leading LF', 400, `\nGET / HTTP/1.1\r\n${HOST}\r\n`],
  ['a leading CR', 400, `\rGET / HTTP/1.1\r\n${HOST}\r\n`],
  ['CR CR LF first', 400, `\r\r\nGET / HTTP/1.1\r\n${HOST}\r\n`],
  ['an empty line and LF', 400, `\r\n\nGET / HTTP/1.1\r\n${HOST}\r\n`],
  ['a space and CRLF first', 400, ` \r\nGET / HTTP/1.1\r\n${HOST}\r\n`],
  ['HTTP/0.9 as it was', 400, 'GET /a\n'],
  ['HTTP/0.9 with CRLF', 400, 'GET /a\r\n'],
  ['a method alone', 400, 'GET\r\n\r\n'],
  ['a method and a space', 400, 'GET \r\n\r\n'],
  ['an empty method', 400, ` / HTTP/1.1\r\n${HOST}\r\n`],
  ['a method of other characters', 400, `G(T / HTTP/1.1\r\n${HOST}\r\n`],
  ['a method beyond ASCII', 400, `G\xc9T / HTTP/1.1\r\n${HOST}\r\n`],
  ['a method without end', 400, 'A'.repeat(5000)],
  ['tab behind the target', 400, `GET /\tHTTP/1.1\r\n${HOST}\r\n`],
  ['two spaces before the version', 400, `GET /  HTTP/1.1\r\n${HOST}\r\n`],
  ['no-break space as a separator', 400, `GET\xa0/ HTTP/1.1\r\n${HOST}\r\n`],
  ['vertical tab as a separator', 400, `GET\x0b/ HTTP/1.1\r\n${HOST}\r\n`],
  ['something behind the version', 400, `GET / HTTP/1.1x\r\n${HOST}\r\n`],
  ['a version of other letters', 400, `GET / HTTQ/1.1\r\n${HOST}\r\n`],
  ['a version with a sign', 400, `GET / HTTP/+1.1\r\n${HOST}\r\n`],
  ['a version without a minor number', 400, `GET / HTTP/1\r\n${HOST}\r\n`],
  ['a version with leading zeros', 400, `GET / HTTP/01.1\r\n${HOST}\r\n`],
  ['two request lines', 400, `GET / HTTP/1.1\r\nGET / HTTP/1.1\r\n${HOST}\r\n`],
  ['a status line', 400, `HTTP/1.1 200 OK\r\n${HOST}\r\n`],
  ['authority form without CONNECT', 400, 'GET shop:80 HTTP/1.1\r\nHost: shop:80\r\n\r\n'],
  ['a scheme of its own', 400, 'GET urn:shop HTTP/1.1\r\nHost: shop\r\n\r\n'],
  ['two spaces', 400, `GET  / HTTP/1.1\r\n${HOST}\r\n`],
  ['space in the target', 400, `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
  ['space behind the version', 400, `GET / HTTP/1.1 \r\n${HOST}\r\n`],
  ['tab as a separator', 400, `GET\t/ HTTP/1.1\r\n${HOST}\r\n`],
  ['leading space', 400, ` GET / HTTP/1.1\r\n${HOST}\r\n`],
  ['two empty lines first', 400, `\r\n\r\nGET / HTTP/1.1\r\n${HOST}\r\n`],
  ['fragment', 400, `GET /a#b HTTP/1.1\r\n${HOST}\r\n`],
  ['target beyond ASCII', 400, `GET /\xe4 HTTP/1.1\r\n${HOST}\r\n`],
  ['relative target', 400, `GET a HTTP/1.1\r\n${HOST}\r\n`],
  ['* without OPTIONS', 400, `GET * HTTP/1.1\r\n${HOST}\r\n`],
  ['another scheme', 400, `GET ftp://shop/ HTTP/1.1\r\n${HOST}\r\n`],
  ['a scheme without authority', 400, `GET http:///a HTTP/1.1\r\n${HOST}\r\n`],
  ['no version', 400, 'GET /\r\n\r\n'],
  ['lower-case version', 400, `GET / http/1.1\r\n${HOST}\r\n`],
  ['HTTP/2.0', 505, `GET / HTTP/2.0\r\n${HOST}\r\n`],
  ['HTTP/1.2', 505, `GET / HTTP/1.2\r\n${HOST}\r\n`],
  ['HTTP/1.10', 400, `GET / HTTP/1.10\r\n${HOST}\r\n`],
  ['HTTP/0.9', 505, `GET / HTTP/0.9\r\n${HOST}\r\n`],
  ['a TLS hello', 400, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['CONNECT with another Host', 400, `CONNECT other:443 HTTP/1.1\r\n${HOST}\r\n`],
  ['CONNECT without a port', 400, `CONNECT shop HTTP/1.1\r\n${HOST}\r\n`],
  ['CONNECT with a path', 400, `CONNECT / HTTP/1.1\r\n${HOST}\r\n`],
  ['CONNECT with a URL', 400, `CONNECT http://shop:1/ HTTP/1.1\r\nHost: shop:1\r\n\r\n`],
  ['CONNECT with Content-Length', 400, 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\n\r\nx'],
  [
    'CONNECT with Transfer-Encoding',
    400,
    'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'WebSocket without a key',
    400,
    `GET / HTTP/1.1\r\n${HOST}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n`,
  ],
  [
    'WebSocket with two keys',
    400,
    `GET / HTTP/1.1\r\n${HOST}Connection: upgrade\r\nUpgrade: websocket\r\n${`Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`.repeat(2)}\r\n`,
  ],
  [
    'WebSocket with a short key',
    400,
    `GET / HTTP/1.1\r\n${HOST}Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n\r\n`,
  ],
  // Host.
  ['no Host', 400, 'GET / HTTP/1.1\r\n\r\n'],
  ['two Hosts', 400, `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`],
  ['two Hosts, equal', 400, `GET / HTTP/1.1\r\nHost: shop\r\nHost: shop\r\n\r\n`],
  ['two Hosts in HTTP/1.0', 400, `GET / HTTP/1.0\r\n${HOST}${HOST}\r\n`],
  ['no Host with an absolute target', 400, 'GET http://shop/ HTTP/1.1\r\n\r\n'],
  ['Host with another port than the target', 400, 'GET http://shop:81/ HTTP/1.1\r\nHost: shop:80\r\n\r\n'],
  ['an empty Host with an absolute target', 400, 'GET http://shop/ HTTP/1.1\r\nHost:\r\n\r\n'],
  [
    'a Host that Connection nominates away, twice',
    400,
    `GET / HTTP/1.1\r\nConnection: Host\r\n${HOST}${HOST}\r\n`,
  ],
  ['Host differs from the target', 400, `GET http://other/ HTTP/1.1\r\n${HOST}\r\n`],
  ['Host differs from the target in its port', 400, `GET http://shop:80/ HTTP/1.1\r\n${HOST}\r\n`],
  ...[
    'a b',
    'a/b',
    'user@a',
    'a,b',
    'a:80:90',
    'a:http',
    'a:123456',
    '[::1',
    '[]',
    '::1',
    '[::1]x',
    'a\\b',
    'a?b',
    '"a"',
    'a\x00b',
    'a#b',
    'a;b\x7f',
    '[::1',
    'a]',
    'a[b]',
    'shop\xe9',
    ':80',
    'a:65536',
    'a%2etest',
    '[a.test]',
    '[fe80::1%25eth0]',
  ].map((value): [string, number, string] => [
    `Host "${value}"`,
    400,
    `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`,
  ]),
  ['user information in the target', 400, 'GET http://user@shop/ HTTP/1.1\r\nHost: user@shop\r\n\r\n'],
  // Expectations and limits.
  ['another expectation', 417, `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nExpect: 200-ok\r\n\r\n`],
  [
    'an expectation in a list',
    417,
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nExpect: 100-continue, x\r\n\r\n`,
  ],
  ['an empty expectation', 417, `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nExpect:\r\n\r\n`],
  ['an expectation without a body', 417, `GET / HTTP/1.1\r\n${HOST}Expect: x\r\n\r\n`],
  [
    'two expectations',
    417,
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n`,
  ],
  ['a long target', 414, `GET /${'a'.repeat(8192)} HTTP/1.1\r\n${HOST}\r\n`],
  ['a long target without end', 414, `GET /${'a'.repeat(20_000)}`],
  ['many fields', 431, `GET / HTTP/1.1\r\n${HOST}${'A: b\r\n'.repeat(100)}\r\n`],
  ['a long head', 431, `GET / HTTP/1.1\r\n${HOST}A: ${'b'.repeat(65_536)}\r\n\r\n`],
  ['a long method', 400, `${'A'.repeat(33)} / HTTP/1.1\r\n${HOST}\r\n`],
  // Chunks.
  ...[
    'x\r\n',
    '\r\n',
    ' 5\r\nhello',
    '5 \r\nhello',
    '+5\r\nhello',
    '0x5\r\nhello',
    '5\nhello',
    '5\r\nhello\n',
    '5\r\nhellox',
    '5\rhello',
    '5;\r\nhello',
    '5;a=\r\nhello',
    '5;a b\r\nhello',
    '5;a="b\r\nhello',
    '5;a="b"c\r\nhello',
    '5; a\r\nhello',
    '5;a\nhello',
    '5;a\0\r\nhello',
    '5;a=b c\r\nhello',
    '5;=b\r\nhello',
    '5;a="\\\r\nhello',
    '5;a\rb\r\nhello',
    '5,5\r\nhello',
    '5.0\r\nhello',
    '-5\r\nhello',
    '5h\r\nhello',
    '５\r\nhello',
    '5\t\r\nhello',
    '\t5\r\nhello',
    '5\x0b\r\nhello',
    '5\0\r\nhello',
    '5\r\n\r\nhello',
    '5\r\nhello\r\r\n0\r\n\r\n',
    '5\r\nhello0\r\n\r\n',
    '5\r\nhello\r\n\r\n0\r\n\r\n',
    '5\r\nhel\r\n0\r\n\r\n',
    '0\n\n',
    '0\r\n\r\x00',
    '0\r\nA\r\n\r\n',
    '0\r\n: b\r\n\r\n',
    '0\r\nA: b\r\n c\r\n\r\n',
    '0\r\nA: b\rc\r\n\r\n',
    '20000000000000\r\n',
    'fffffffffffffffff\r\n',
    '00000000000000005\r\nhello',
    `5;${'a'.repeat(256)}\r\nhello`,
    '0\r\nA : b\r\n\r\n',
    '0\r\n A: b\r\n\r\n',
    '0\r\nA: b\n\r\n',
    '0\r\nA: \0\r\n\r\n',
    '0\r\n\n',
    `0\r\n${'A: b\r\n'.repeat(101)}\r\n`,
    `0\r\nA: ${'b'.repeat(9000)}\r\n\r\n`,
  ].map((body): [string, number, string] => [
    `chunk ${JSON.stringify(body.slice(0, 24))}`,
    400,
    CHUNKED + body,
  ]),
]

/** What must pass, with the body that arrives. */
const ACCEPTED: [string, string, string][] = [
  ['plain', `GET / HTTP/1.1\r\n${HOST}\r\n`, ''],
  ['one empty line first', `\r\nGET / HTTP/1.1\r\n${HOST}\r\n`, ''],
  ['no space behind the colon', 'GET / HTTP/1.1\r\nHost:shop\r\n\r\n', ''],
  ['white space around a value', 'GET / HTTP/1.1\r\nHost: \t shop\t \r\n\r\n', ''],
  ['names in any case', 'POST / HTTP/1.1\r\nhOsT: shop\r\ncONTENT-lENGTH: 5\r\n\r\nhello', 'hello'],
  [
    'Content-Length with leading zeros',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 005\r\n\r\nhello`,
    'hello',
  ],
  ['obs-text in a value', `GET / HTTP/1.1\r\n${HOST}A: \xe4\xff\r\n\r\n`, ''],
  ['empty value', `GET / HTTP/1.1\r\n${HOST}A:\r\n\r\n`, ''],
  ['absolute form', `GET http://shop/a HTTP/1.1\r\n${HOST}\r\n`, ''],
  ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, ''],
  ['IP literal', 'GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n', ''],
  ['empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', ''],
  ['a fully qualified name', 'GET / HTTP/1.1\r\nHost: Shop.Mesh.:80\r\n\r\n', ''],
  ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n', ''],
  ['chunked', `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`, 'hello'],
  [
    'chunked in any case',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    'hello',
  ],
  ['upper-case size', `${CHUNKED}A\r\nhellohello\r\n0\r\n\r\n`, 'hellohello'],
  [
    'a Transfer-Encoding that Connection nominates',
    `POST / HTTP/1.1\r\n${HOST}Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    'hello',
  ],
  [
    'a Content-Length that Connection nominates',
    `POST / HTTP/1.1\r\n${HOST}Connection: content-length\r\nContent-Length: 5\r\n\r\nhello`,
    'hello',
  ],
  [
    'an expectation that Connection nominates',
    `POST / HTTP/1.1\r\n${HOST}Connection: expect\r\nExpect: x\r\nContent-Length: 5\r\n\r\nhello`,
    'hello',
  ],
  [
    'white space around chunked',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: \t chunked \r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    'hello',
  ],
  [
    'the same content type twice',
    `POST / HTTP/1.1\r\n${HOST}Content-Type: a/b\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello`,
    'hello',
  ],
  ['sizes with leading zeros', `${CHUNKED}0000000000000005\r\nhello\r\n0000\r\n\r\n`, 'hello'],
  ['a body in a GET', `GET / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`, 'hello'],
  ['absolute form without a path', `GET http://shop HTTP/1.1\r\n${HOST}\r\n`, ''],
  ['absolute form with a query alone', `GET http://shop?a=b HTTP/1.1\r\n${HOST}\r\n`, ''],
  ['absolute form in any case', `GET HTTP://SHOP/ HTTP/1.1\r\n${HOST}\r\n`, ''],
  ['extensions', `${CHUNKED}5;a;b=c;d="e;\r\t"\r\nhello\r\n0\r\n\r\n`.replace('\r\t', '\t'), 'hello'],
  ['trailers', `${CHUNKED}5\r\nhello\r\n00;x\r\nA: b\r\n\r\n`, 'hello'],
  ['100 fields', `GET / HTTP/1.1\r\n${HOST}${'A: b\r\n'.repeat(99)}\r\n`, ''],
  ['a target of 8 KiB', `GET /${'a'.repeat(8191)} HTTP/1.1\r\n${HOST}\r\n`, ''],
]

/** What must pass, too, and what llhttp does not know. */
const OWN_METHODS: [string, string, string][] = [
  ['a method of one’s own', `X-OWN! / HTTP/1.1\r\n${HOST}\r\n`, ''],
  ['a method of 32 characters', `${'A'.repeat(32)} / HTTP/1.1\r\n${HOST}\r\n`, ''],
]

t.test('refused: the right status, then the connection closes', async (t) => {
  for (const [name, status, message] of REFUSED) {
    for (const size of [message.length, 1]) {
      if (size === 1 && message.length > 12_000) continue
      const bench = new ServerBench()
      bench.receive(message, size)
      const sent = await bench.sent()
      const behindHead = name.startsWith('chunk ')
      t.match(sent, new RegExp(`^HTTP/1\\.1 ${status} `), `${name}, in pieces of ${size}`)
      t.match(sent, /\r\nconnection: close\r\n/)
      t.ok(bench.socket.ended)
      t.equal(bench.accepted.length, behindHead ? 1 : 0, 'no exchange begins')
      if (behindHead) t.equal(bench.accepted[0]?.events.at(-1), 'reset bad-request')
      t.equal(bench.refused.length, 1)
      bench.receive(`GET /smuggled HTTP/1.1\r\n${HOST}\r\n`)
      await turn()
      t.notOk(bench.accepted.some((accepted) => accepted.request.path === '/smuggled'))
      bench.dispose()
    }
  }
})

t.test('accepted, whatever the pieces', async (t) => {
  for (const [name, message, body] of [...ACCEPTED, ...OWN_METHODS]) {
    for (let size = 1; size <= message.length; size = size < 200 ? size + 1 : size * 2) {
      const bench = new ServerBench()
      bench.receive(message, size)
      const accepted = bench.accepted[0]
      if (accepted === undefined || accepted.body !== body || !/end|trailers/.test(accepted.events.join())) {
        t.fail(`${name}, in pieces of ${size}: ${accepted?.events ?? (await bench.sent())}`)
      }
      bench.dispose()
    }
    t.pass(name)
  }
})

t.test('heads that were kept are compared whole', async (t) => {
  const bench = new ServerBench()
  bench.onRequest = ({ stream }) => stream.head(Head.response(200), null, true)
  const a = `GET /a HTTP/1.1\r\n${HOST}A: b\r\n\r\n`
  const variants = [
    a,
    a.replace('A: b', 'A: c'),
    a.replace('/a', '/b'),
    a.replace('shop', 'shot'),
    a.replace('\r\n\r\n', '\r\nX: y\r\n\r\n'),
  ]
  for (let round = 0; round < 3; round++) for (const variant of variants) bench.receive(variant)
  const heads = bench.accepted.map((accepted: Accepted) => accepted.request)
  for (let i = 0; i < 5; i++) {
    t.equal(heads[i], heads[i + 5], 'the same bytes, the same head')
    t.equal(heads[i], heads[i + 10])
  }
  t.equal(new Set(heads).size, 5)
  t.strictSame(
    heads.slice(0, 4).map((head) => [head.path, head.authority, head.fields.get('a')]),
    [
      ['/a', 'shop', 'b'],
      ['/a', 'shop', 'c'],
      ['/b', 'shop', 'b'],
      ['/a', 'shot', 'b'],
    ],
  )
  bench.receive(a.slice(0, -2))
  t.equal(bench.accepted.length, 15, 'part of a kept head is no head')
  bench.receive('\r\n')
  t.equal(bench.accepted[15]?.request, heads[0])
  for (let i = 0; i < 500; i++) bench.receive(`GET /${i} HTTP/1.1\r\n${HOST}\r\n`)
  t.equal(bench.accepted[515]?.request.path, '/499', 'heads that never repeat')
  bench.dispose()
})

/** Requests by the port they came from, the first of each connection. */
const parsed = new Map<number, IncomingMessage>()

/** How Node's own parser takes a message: true when it reads a complete request. */
function llhttp(server: Server, message: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    let port = 0
    socket.on('connect', () => {
      port = socket.localPort as number
      parsed.delete(port)
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(parsed.get(port)?.complete === true))
    socket.resume()
    socket.end(message, 'latin1')
  })
}

t.test('nothing passes that llhttp refuses', async (t) => {
  const server = createServer({ maxHeaderSize: 80_000 })
  const take = (request: IncomingMessage, response: ServerResponse) => {
    const port = request.socket.remotePort as number
    if (!parsed.has(port)) parsed.set(port, request)
    request.resume()
    request.on('end', () => response.end())
    request.on('error', () => {})
  }
  server.on('request', take)
  server.on('checkContinue', take)
  server.on('checkExpectation', take)
  server.on('clientError', (_error, socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const corpus = [...REFUSED.map(([, , message]) => message), ...ACCEPTED.map(([, message]) => message)]
  for (const [, message] of ACCEPTED) {
    if (message.length > 300) continue
    // One octet changed at a time, everywhere.
    for (let at = 0; at < message.length; at++) {
      for (const octet of ['\0', '\n', '\r', ' ', '\t', ':', ',', '\x80']) {
        corpus.push(message.slice(0, at) + octet + message.slice(at + 1))
      }
    }
  }
  let both = 0
  const batch = 32
  for (let from = 0; from < corpus.length; from += batch) {
    await Promise.all(
      corpus.slice(from, from + batch).map(async (message) => {
        const bench = new ServerBench()
        bench.receive(message)
        const complete = /end|trailers/.test(bench.accepted[0]?.events.join() ?? '')
        bench.dispose()
        // RFC 9110 §5.5 allows HTAB behind a value; llhttp does not behind a length or a coding.
        if (!complete || /(Content-Length: \d+|chunked)\t/i.test(message)) return
        if (await llhttp(server, message)) both++
        else t.fail(`accepted, but refused by llhttp: ${JSON.stringify(message)}`)
      }),
    )
  }
  t.ok(both > 500, `${both} valid messages of ${corpus.length}`)
})
