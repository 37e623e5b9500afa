import t from 'tap'
import { AccessLog, type AccessRecord } from '../../../proxy/telemetry/access-log.ts'
import { MemoryStream } from './memory-stream.ts'

const full: AccessRecord = {
  start: Date.UTC(2030, 0, 2, 3, 4, 5, 6),
  listener: 'inbound',
  direction: 'inbound',
  route: 'greeter',
  upstream: 'app',
  endpoint: '127.0.0.1:8080',
  method: 'POST',
  authority: 'greeter.mesh',
  path: '/helloworld.Greeter/SayHello',
  protocol: 'h2',
  code: 200,
  grpcStatus: 0,
  flags: 'timeout',
  detail: 'the response took longer than the time allowed',
  requestBytes: 12,
  responseBytes: 34,
  durationMs: 1.23456,
  upstreamMs: 1,
  queueMs: 0,
  attempts: 2,
  principal: 'spiffe://mesh.local/ns/default/sa/web',
  requestId: 'r-1',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
}

const bare: AccessRecord = {
  ...full,
  route: '',
  upstream: '',
  endpoint: '',
  grpcStatus: -1,
  flags: '',
  detail: '',
  upstreamMs: -1,
  queueMs: -1,
  attempts: 0,
  principal: '',
  requestId: '',
  traceId: '',
}

function logged(record: AccessRecord, query = false): Record<string, unknown> {
  const stream = new MemoryStream()
  new AccessLog({ stream, query }).record(record)
  return stream.records()[0]!
}

t.test('everything known is in the line', async (t) => {
  const { start, ...rest } = full
  t.strictSame(logged(full), {
    log: 'access',
    time: new Date(start).toISOString(),
    ...rest,
    durationMs: 1.235,
  })
})

t.test('what says nothing is left out', async (t) => {
  t.strictSame(Object.keys(logged(bare)).sort(), [
    'attempts',
    'authority',
    'code',
    'direction',
    'durationMs',
    'listener',
    'log',
    'method',
    'path',
    'protocol',
    'requestBytes',
    'responseBytes',
    'time',
  ])
})

t.test('the query, which may hold secrets, is written only when asked for', async (t) => {
  const record = { ...bare, path: '/a?access_token=s3cret' }
  t.equal(logged(record)['path'], '/a')
  t.equal(logged(record, true)['path'], '/a?access_token=s3cret')
})

t.test('whatever a caller sends stays one bounded line of JSON', async (t) => {
  const path = `/"\\\n\r\u0000\u001b[31m${'x'.repeat(5000)}`
  const record = logged({ ...bare, path, authority: 'a"\n}' })
  t.equal(record['authority'], 'a"\n}')
  t.equal(record['path'], `${path.slice(0, 1024)}…`)
})
