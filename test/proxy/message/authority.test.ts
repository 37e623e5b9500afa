import t from 'tap'
import { hostOf, isAuthority, portOf, sameAuthority } from '../../../proxy/message/authority.ts'

t.test('what an authority is', async (t) => {
  const yes = [
    '',
    'a',
    'shop.mesh',
    'SHOP.Mesh:8080',
    'shop.mesh.',
    'shop.mesh.:80',
    'a_b.c-d~e',
    "!$&'()*+;=",
    'a:',
    'a:0',
    'a:65535',
    'a:00080',
    '10.0.0.1',
    '10.0.0.1:80',
    '[::1]',
    '[::1]:',
    '[2001:DB8::1]:8080',
    '[::ffff:10.0.0.1]:1',
  ]
  for (const text of yes) t.ok(isAuthority(text), text)
  const no = [
    'me@a.test',
    'me:secret@a.test',
    '@a',
    'a b',
    ' a',
    'a\t',
    'a/b',
    'a?b',
    'a#b',
    'a\\b',
    'a,b',
    'a%2etest',
    '%61.test',
    '"a"',
    'a<b',
    'a|b',
    'a^b',
    'a{b}',
    'a`b',
    'a\0b',
    'a\x7f',
    'ä.test',
    'a\u0131b',
    ':80',
    ':',
    'a:80:90',
    'a:http',
    'a:+80',
    'a: 80',
    'a:65536',
    'a:99999',
    'a:123456',
    '::1',
    '[',
    '[]',
    '[::1',
    '::1]',
    'a[::1]',
    '[::1]x',
    '[::1]80',
    '[::1]:x',
    '[[::1]]',
    '[a.test]',
    '[10.0.0.1]',
    '[1::2::3]',
    '[fe80::1%eth0]',
    '[fe80::1%25eth0]',
    '[v1.x]',
  ]
  for (const text of no) t.notOk(isAuthority(text), JSON.stringify(text))
})

t.test('host and port as they are compared', async (t) => {
  for (const [authority, host, http, https, other] of [
    ['', '', 80, 443, -1],
    ['a.test', 'a.test', 80, 443, -1],
    ['A.Test.', 'a.test', 80, 443, -1],
    ['a.test.:8080', 'a.test', 8080, 8080, 8080],
    ['a.test:', 'a.test', 80, 443, -1],
    ['a:080', 'a', 80, 80, 80],
    ['[::1]', '[::1]', 80, 443, -1],
    ['[2001:DB8::1]:443', '[2001:db8::1]', 443, 443, 443],
    ['a..', 'a.', 80, 443, -1],
    ['.', '.', 80, 443, -1],
  ] as const) {
    t.equal(hostOf(authority), host, authority)
    t.strictSame(
      [portOf(authority, 'http'), portOf(authority, 'https'), portOf(authority, 'ftp')],
      [http, https, other],
      authority,
    )
  }
})

t.test('only the case of letters may differ', async (t) => {
  t.ok(sameAuthority('a.test:80', 'A.TEST:80'))
  for (const other of ['a.test', 'a.test.', 'b.test:80', ''])
    t.notOk(sameAuthority('a.test:80', other), other)
})
