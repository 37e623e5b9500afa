import t, { type Test } from 'tap'
import * as values from '../../config/values.ts'

function table<T>(parse: (text: string) => T, cases: readonly (readonly [string, T])[]) {
  return async (t: Test) => {
    for (const [text, expected] of cases) t.same(parse(text), expected, JSON.stringify(text))
  }
}

t.test(
  'durations are milliseconds',
  table(values.parseDuration, [
    ['500ms', 500],
    ['2s', 2000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['24d', values.longestDuration],
    ['0s', 0],
    ['25d', null],
    ['5', null],
    ['5 s', null],
    ['-1s', null],
    ['1m30s', null],
    ['1S', null],
    ['.5s', null],
    ['', null],
    ['9'.repeat(400).concat('s'), null],
  ]),
)

t.test(
  'sizes are bytes',
  table(values.parseSize, [
    ['512B', 512],
    ['64KiB', 65_536],
    ['1MiB', 1_048_576],
    ['2GiB', 2_147_483_648],
    ['64KB', null],
    ['64', null],
    ['1.5KiB', null],
    ['99999999999999999GiB', null],
  ]),
)

t.test(
  'percentages are fractions',
  table(values.parsePercent, [
    ['0%', 0],
    ['50%', 0.5],
    ['12.5%', 0.125],
    ['100%', 1],
    ['101%', null],
    ['50', null],
    ['-1%', null],
  ]),
)

const address = (host: string, port: number, text: string) => ({ host, port, text })

t.test(
  'addresses',
  table(values.parseAddress, [
    ['127.0.0.1:8080', address('127.0.0.1', 8080, '127.0.0.1:8080')],
    ['[::1]:80', address('::1', 80, '[::1]:80')],
    ['greeter.default.svc:1', address('greeter.default.svc', 1, 'greeter.default.svc:1')],
    ['localhost:0', address('localhost', 0, 'localhost:0')],
    ['a:65535', address('a', 65535, 'a:65535')],
    ['a:65536', null],
    ['a:', null],
    [':80', null],
    ['::1:80', null],
    ['[127.0.0.1]:80', null],
    ['1.2.3:80', null],
    ['256.0.0.1:80', null],
    ['-a:80', null],
    ['a b:80', null],
    ['a:80/x', null],
    [`${'a'.repeat(64)}:80`, null],
  ]),
)

t.test('loopback', async (t) => {
  const loopback = (text: string) => values.isLoopback(values.parseAddress(text)!)
  for (const text of ['127.0.0.1:1', '127.9.9.9:1', 'localhost:1', '[::1]:1', '[::ffff:127.0.0.1]:1'])
    t.ok(loopback(text), text)
  for (const text of ['0.0.0.0:1', '10.0.0.1:1', '[::]:1', '127.example:1', 'localhost.example:1'])
    t.notOk(loopback(text), text)
})

t.test(
  'authorities',
  table(values.parseAuthority, [
    ['Greeter.Mesh', 'greeter.mesh'],
    ['greeter.mesh:8080', 'greeter.mesh:8080'],
    ['*.mesh', '*.mesh'],
    ['10.0.0.1', '10.0.0.1'],
    ['[::1]', '[::1]'],
    ['[::1]:80', '[::1]:80'],
    ['*', null],
    ['*.', null],
    ['*.mesh:80', null],
    ['a.*', null],
    ['a:0', null],
    ['user@host', null],
    ['http://a', null],
    ['', null],
  ]),
)

t.test(
  'trust domains of SPIFFE IDs and patterns',
  table(values.principalTrustDomain, [
    ['spiffe://mesh.local/ns/default/sa/web', 'mesh.local'],
    ['spiffe://mesh.local/ns/default/*', 'mesh.local'],
    ['spiffe://mesh.local/ns/default/sa/we*', 'mesh.local'],
    ['spiffe://mesh.local/*', 'mesh.local'],
    ['spiffe://mesh.local*', null],
    ['spiffe://mesh.local', null],
    ['spiffe://mesh.local/', null],
    ['spiffe://mesh.local/a/', null],
    ['spiffe://mesh.local/a//b', null],
    ['spiffe://mesh.local/a//*', null],
    ['spiffe://mesh.local//*', null],
    ['spiffe://mesh.local/./a', null],
    ['spiffe://mesh.local/a*b', null],
    ['spiffe://mesh.local/a**', null],
    ['spiffe://mesh.local:8443/a', null],
    ['spiffe://user@mesh.local/a', null],
    ['spiffe://MESH.local/a', null],
    ['SPIFFE://mesh.local/a', null],
    ['spiffe://*/a', null],
    [`spiffe://mesh.local/${'a'.repeat(2048)}`, null],
  ]),
)

t.test(
  'gRPC names',
  table(values.parseGrpc, [
    ['helloworld.Greeter', { service: 'helloworld.Greeter', method: null }],
    ['helloworld.Greeter/SayHello', { service: 'helloworld.Greeter', method: 'SayHello' }],
    ['Greeter/SayHello', { service: 'Greeter', method: 'SayHello' }],
    ['/helloworld.Greeter/SayHello', null],
    ['helloworld.Greeter/', null],
    ['helloworld..Greeter', null],
    ['helloworld.Greeter/*', null],
  ]),
)

t.test(
  'status codes and ranges',
  table(values.parseStatusRange, [
    ['200', { from: 200, to: 200 }],
    ['200-299', { from: 200, to: 299 }],
    ['299-200', null],
    ['600', null],
    ['20', null],
    ['2xx', null],
  ]),
)

t.test('paths and their patterns', async (t) => {
  for (const text of ['/', '/a', '/a/', '/a%20b', '/*', '/a/...', '/a/.b']) t.ok(values.isPath(text), text)
  for (const text of ['', 'a', '/a?b', '/a#b', '/a b', '//a', '/a/../b', '/a/.', '/a\\b', '/\u00e9']) {
    t.notOk(values.isPath(text), text)
  }
  for (const text of ['/a', '/a/*', '/*', '/a*']) t.ok(values.isPathPattern(text), text)
  for (const text of ['*', '/a*b', '/a**', '/a/../*']) t.notOk(values.isPathPattern(text), text)
})
