import t from 'tap'
import { parseSpiffeId, SpiffeId, SpiffeIdError, serviceId } from '../../certs/spiffe-id.ts'

t.test('valid IDs keep their text and are taken apart', (t) => {
  for (const [text, trustDomain, path, last] of [
    ['spiffe://mesh.local/ns/default/sa/web', 'mesh.local', '/ns/default/sa/web', 'web'],
    ['spiffe://a', 'a', '', 'a'],
    ['spiffe://a-b_c.9/A.b-C_d', 'a-b_c.9', '/A.b-C_d', 'A.b-C_d'],
    ['spiffe://a/...', 'a', '/...', '...'],
  ] as const) {
    const id = parseSpiffeId(text)
    t.equal(id.trustDomain, trustDomain)
    t.equal(id.path, path)
    t.equal(id.lastSegment, last)
    t.equal(String(id), text)
    t.equal(JSON.stringify({ id }), JSON.stringify({ id: text }))
    t.ok(id.equals(new SpiffeId(trustDomain, path)))
  }
  t.end()
})

t.test('everything else is refused with the reason', (t) => {
  for (const [text, reason] of [
    ['', /must start with/],
    ['http://mesh.local/a', /must start with "spiffe:\/\/"/],
    ['SPIFFE://mesh.local/a', /must start with/],
    ['spiffe:/mesh.local/a', /must start with/],
    ['spiffe://', /trust domain is empty/],
    ['spiffe:///a', /trust domain is empty/],
    ['spiffe://Mesh.local/a', /write "mesh.local"/],
    ['spiffe://mesh.local:443/a', /port is not allowed/],
    ['spiffe://user@mesh.local/a', /user information/],
    ['spiffe://mesh%2elocal/a', /not allowed/],
    ['spiffe://m\u00e9sh/a', /not allowed/],
    ['spiffe://mesh.local?x=1', /query/],
    ['spiffe://mesh.local/a?x', /query/],
    ['spiffe://mesh.local/a#x', /fragment/],
    ['spiffe://mesh.local/', /must not end with/],
    ['spiffe://mesh.local/a/', /must not end with/],
    ['spiffe://mesh.local//a', /segment is empty/],
    ['spiffe://mesh.local/a/./b', /"\." is not allowed/],
    ['spiffe://mesh.local/a/../b', /"\.\." is not allowed/],
    ['spiffe://mesh.local/a%20b', /character/],
    ['spiffe://mesh.local/a b', /character/],
    ['spiffe://mesh.local/a\n', /character/],
    ['spiffe://mesh.local/a,URI:spiffe://mesh.local/b', /segment/],
  ] as const) {
    t.throws(() => parseSpiffeId(text), { name: 'SpiffeIdError', message: reason }, JSON.stringify(text))
  }
  t.end()
})

t.test('length limits hold to the byte', (t) => {
  const longest = `spiffe://mesh.local/${'a'.repeat(2048 - 'spiffe://mesh.local/'.length)}`
  t.equal(String(parseSpiffeId(longest)), longest)
  t.throws(() => parseSpiffeId(`${longest}a`), { message: /2049 bytes: at most 2048/ })
  t.equal(parseSpiffeId(`spiffe://${'d'.repeat(255)}/a`).trustDomain.length, 255)
  t.throws(() => parseSpiffeId(`spiffe://${'d'.repeat(256)}/a`), { message: /at most 255/ })
  t.throws(() => parseSpiffeId('x'.repeat(100_000)), { message: /^"x{200}\.\.\." is not/ }, 'a short message')
  t.end()
})

t.test('a service ID is made of plain segments only', (t) => {
  t.equal(String(serviceId('mesh.local', 'default', 'web')), 'spiffe://mesh.local/ns/default/sa/web')
  t.throws(() => serviceId('mesh.local', 'default', 'a/b'), SpiffeIdError)
  t.throws(() => serviceId('mesh.local', '..', 'a'), { message: /namespace ".." is not allowed/ })
  t.end()
})
