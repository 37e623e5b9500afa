import t from 'tap'
import { matchesPrincipal, PrincipalPattern } from '../../certs/principal.ts'
import { parseSpiffeId } from '../../certs/spiffe-id.ts'

t.test('patterns match whole segments', (t) => {
  for (const [pattern, id, expected] of [
    ['spiffe://mesh.local/ns/default/sa/web', 'spiffe://mesh.local/ns/default/sa/web', true],
    ['spiffe://mesh.local/ns/default/sa/web', 'spiffe://mesh.local/ns/default/sa/web2', false],
    ['spiffe://mesh.local/ns/default/sa/web', 'spiffe://mesh.local/ns/default/sa', false],
    ['spiffe://mesh.local/ns/default/*', 'spiffe://mesh.local/ns/default/sa/web', true],
    ['spiffe://mesh.local/ns/default/*', 'spiffe://mesh.local/ns/default/x', true],
    ['spiffe://mesh.local/ns/default/*', 'spiffe://mesh.local/ns/default', false],
    ['spiffe://mesh.local/ns/default/*', 'spiffe://mesh.local/ns/default-other/sa/web', false],
    ['spiffe://mesh.local/*', 'spiffe://mesh.local/a', true],
    ['spiffe://mesh.local/*', 'spiffe://mesh.local', false],
    ['spiffe://mesh.local/*', 'spiffe://mesh.local.evil/a', false],
    ['*', 'spiffe://other/a', true],
  ] as const) {
    t.equal(matchesPrincipal(pattern, parseSpiffeId(id)), expected, `${pattern} ${id}`)
    t.equal(new PrincipalPattern(pattern).matches(parseSpiffeId(id)), expected)
  }
  t.end()
})

t.test('a pattern that could never match is an error, not a rule without effect', (t) => {
  for (const pattern of [
    '',
    'web',
    'spiffe://mesh.local/ns/def*',
    'spiffe://mesh.local/*/sa/web',
    'spiffe://*/a',
    'spiffe://mesh.*',
    'spiffe:///*',
    'spiffe://mesh.local//*',
    'spiffe://Mesh.local/*',
  ]) {
    t.throws(() => new PrincipalPattern(pattern), { name: 'SpiffeIdError' }, pattern)
  }
  t.end()
})
