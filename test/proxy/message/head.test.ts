import t from 'tap'
import { Fields, NO_FIELDS } from '../../../proxy/message/fields.ts'
import { grpcStatusOf } from '../../../proxy/message/grpc-status.ts'
import { Head, isGrpcContentType, parseContentLength, pathOf } from '../../../proxy/message/head.ts'
import { allowedInTrailers } from '../../../proxy/message/trailer-fields.ts'

t.test('content-length', async (t) => {
  const cases: [string | null, number][] = [
    [null, -1],
    ['0', 0],
    ['5', 5],
    ['0005', 5],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['9007199254740992', -2],
    ['99999999999999999', -2],
    ['', -2],
    ['+5', -2],
    ['-1', -2],
    ['0x5', -2],
    ['5.0', -2],
    ['1e3', -2],
    [' 5', -2],
    ['5 ', -2],
    ['5, 5', -2],
    ['٣', -2],
  ]
  for (const [text, length] of cases) t.equal(parseContentLength(text), length, JSON.stringify(text))
})

t.test('which content types are gRPC', async (t) => {
  const yes = ['application/grpc', 'application/grpc+proto', 'application/grpc;x=y', 'application/grpc ; x=y']
  const no = [
    null,
    '',
    'application/json',
    'application/grpc-web',
    'application/grpc-web+proto',
    'application/grp',
  ]
  for (const type of yes) t.equal(isGrpcContentType(type), true, type)
  for (const type of no) t.equal(isGrpcContentType(type), false, String(type))
})

t.test('grpc-status', async (t) => {
  for (const [value, status] of [
    ['0', 0],
    ['14', 14],
    ['', 2],
    ['x', 2],
    ['123', 2],
    ['-1', 2],
  ] as const) {
    t.equal(grpcStatusOf(Fields.of({ 'grpc-status': value })), status, value)
  }
  t.equal(grpcStatusOf(NO_FIELDS), 2)
})

t.test('the path without its query', async (t) => {
  t.equal(pathOf('/a/b?c=/d?e'), '/a/b')
  t.equal(pathOf('/a'), '/a')
  t.equal(pathOf('/?'), '/')
})

t.test('heads take from their fields what they need', async (t) => {
  const fields = Fields.of({ 'content-length': '7', 'content-type': 'application/grpc' })
  const request = Head.request('POST', 'https', 'a:1', '/x?y', fields)
  t.match(request, { method: 'POST', scheme: 'https', authority: 'a:1', path: '/x?y', status: 0 })
  t.equal(request.contentLength, 7)
  t.equal(request.grpc, true)
  const response = Head.response(204)
  t.match(response, { status: 204, method: '', path: '', contentLength: -1, grpc: false })
})

t.test('fields', async (t) => {
  const fields = new Fields(['a', 'b', 'a'], ['1', '2', '3'])
  t.equal(fields.length, 3)
  t.equal(fields.get('a'), '1')
  t.equal(fields.get('c'), null)
  t.equal(fields.has('b'), true)
  t.equal(fields.has('c'), false)
  t.equal(fields.joined('a'), '1, 3')
  t.equal(fields.joined('b'), '2')
  t.equal(fields.joined('c'), null)
})

t.test('fields that mean nothing in trailers', async (t) => {
  const names =
    'host content-length transfer-encoding te connection authorization cookie x-forwarded-for if-match'
  for (const name of `${names} x-pillion-reason x-forwarded-client-cert`.split(' ')) {
    t.equal(allowedInTrailers(name), false, name)
  }
  for (const name of [
    'grpc-status',
    'grpc-message',
    'grpc-status-details-bin',
    'server-timing',
    'x-checksum',
  ]) {
    t.equal(allowedInTrailers(name), true, name)
  }
})
