import t from 'tap'
import { isAuthority } from '../../../proxy/message/authority.ts'
import { formatHop, listOf, nodeOf, parseForwarded } from '../../../proxy/message/hop.ts'

t.test('what a node is, in the form of X-Forwarded-For', async (t) => {
  for (const text of [
    '192.0.2.1',
    '192.0.2.1:8080',
    '2001:db8::1',
    '[2001:db8::1]:8080',
    '::ffff:192.0.2.1',
    'unknown',
    '_hidden',
    '_a.b-c_d',
    '_hidden:_port',
    '_hidden:80',
  ])
    t.equal(nodeOf(text), text)
  t.equal(nodeOf('[2001:db8::1]'), '2001:db8::1')
  for (const text of [
    '',
    'evil',
    'shop.mesh',
    '192.0.2.256',
    '192.0.2',
    '192.0.2.1:',
    '192.0.2.1:123456',
    '192.0.2.1:http',
    '2001:db8::g',
    '[2001:db8::1',
    '[192.0.2.1]',
    'fe80::1%eth0',
    '"192.0.2.1"',
    '_',
    '_a b',
    '_a<script>',
    '192.0.2.1 192.0.2.2',
    'UNKNOWN;proto=https',
  ])
    t.equal(nodeOf(text), 'unknown', JSON.stringify(text))
})

t.test('lists', async (t) => {
  t.strictSame(listOf(' a,b ,, c\t,'), ['a', 'b', 'c'])
  t.strictSame(listOf(''), [])
})

t.test('elements of Forwarded are written with the quotes that RFC 7239 asks for', async (t) => {
  for (const [from, text] of [
    ['192.0.2.1', 'for=192.0.2.1'],
    ['192.0.2.1:80', 'for="192.0.2.1:80"'],
    ['2001:db8::1', 'for="[2001:db8::1]"'],
    ['[2001:db8::1]:80', 'for="[2001:db8::1]:80"'],
    ['unknown', 'for=unknown'],
    ['_hidden', 'for=_hidden'],
    ['_hidden:_port', 'for="_hidden:_port"'],
  ] as const) {
    t.equal(formatHop({ from, proto: '', host: '' }), text)
    t.strictSame(parseForwarded(text, isAuthority), [{ from, proto: '', host: '' }], 'and are read back')
  }
  const hop = { from: '192.0.2.1', proto: 'https', host: 'a.test:80' }
  t.equal(formatHop(hop), 'for=192.0.2.1;host="a.test:80";proto=https')
  t.strictSame(parseForwarded(formatHop(hop), isAuthority), [hop])
})

t.test('Forwarded as it comes', async (t) => {
  const cases: [string, (string | [string, string, string])[] | null][] = [
    ['for=192.0.2.1', ['192.0.2.1']],
    ['For="[2001:db8::1]:80"', ['[2001:db8::1]:80']],
    ['for=192.0.2.43, for=198.51.100.17', ['192.0.2.43', '198.51.100.17']],
    ['for=192.0.2.1;proto=HTTP;by=203.0.113.43', [['192.0.2.1', 'http', '']]],
    ['for=192.0.2.1 ; proto=https ;host=a.test , for=_b', [['192.0.2.1', 'https', 'a.test'], '_b']],
    ['host="a.test:80";for=_a', [['_a', '', 'a.test:80']]],
    ['for="\\1\\9\\2.0.2.1"', ['192.0.2.1']],
    ['for="a, for=192.0.2.9"', ['unknown']],
    ['for="a\\", for=192.0.2.9"', ['unknown']],
    ['by=203.0.113.43', ['unknown']],
    [',for=_a,, ,for=_b,', ['_a', '_b']],
    ['for=_a;;proto=http;', [['_a', 'http', '']]],
    ['', []],
    // A value that is malformed says nothing; what stands beside it does.
    ['for=evil;proto=gopher;host="me@a.test"', ['unknown']],
    ['for=evil, for=192.0.2.1', ['unknown', '192.0.2.1']],
    ['for=192.0.2.1;for=192.0.2.2', ['unknown']],
    // What cannot be taken apart says nothing at all.
    ['192.0.2.1', null],
    ['for=', null],
    ['for=192.0.2.1:80', null],
    ['for=[::1]', null],
    ['for="192.0.2.1', null],
    ['for="192.0.2.1"x', null],
    ['for = 192.0.2.1', null],
    ['for=192.0.2.1 proto=http', null],
    ['for="\x00"', null],
    ['=a', null],
  ]
  for (const [text, wanted] of cases) {
    const hops = wanted?.map((hop) => {
      const [from, proto, host] = typeof hop === 'string' ? [hop, '', ''] : hop
      return { from, proto, host }
    })
    t.strictSame(parseForwarded(text, isAuthority), hops ?? null, text)
  }
})

t.test('long and hostile values are read to their end, or refused', async (t) => {
  for (const text of ['for="'.repeat(10_000), `for="${'\\'.repeat(60_001)}`, 'a='.repeat(30_000)])
    t.equal(parseForwarded(text, isAuthority), null)
  t.strictSame(parseForwarded(';'.repeat(60_000), isAuthority), [])
  t.equal(parseForwarded('for=_a,'.repeat(8000), isAuthority)?.length, 8000)
})
