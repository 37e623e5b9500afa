import t from 'tap'
import { cookieValue, setCookie } from '../../../proxy/message/cookie.ts'
import { Fields } from '../../../proxy/message/fields.ts'

const read = (name: string, ...cookies: string[]) =>
  cookieValue(
    new Fields(
      cookies.map(() => 'cookie'),
      cookies,
    ),
    name,
  )

t.test('a cookie is found among others', async (t) => {
  for (const [text, value] of [
    ['id=1', '1'],
    ['id=', ''],
    ['a=b; id=1', '1'],
    ['a=b;id=1;c=d', '1'],
    ['a=b;  id=1 ; c=d', '1'],
    ['id="a b"; c=d', 'a b'],
    ['id=a=b==; c=d', 'a=b=='],
    ['xid=2; id=1', '1'],
    ['a=id=2; id=1', '1'],
    ['id2=2; id=1; id=3', '1'],
  ] as const) {
    t.equal(read('id', text), value, text)
  }
})

t.test('and what is none is not', async (t) => {
  for (const text of ['', 'id', 'xid=1', 'ID=1', 'a=id=1', 'id2=1', 'a id=1', 'a=b, id=1', 'id =1']) {
    t.equal(read('id', text), null, text)
  }
  t.equal(read('id'), null)
  t.equal(cookieValue(Fields.of({ cookies: 'id=1' }), 'id'), null)
})

t.test('HTTP/2 sends crumbs', async (t) => {
  t.equal(read('id', 'a=b', 'id=1', 'c=d'), '1')
})

t.test('how a cookie is set', async (t) => {
  const options = { name: 'SID', maxAge: 60, path: '/shop' }
  t.equal(setCookie(options, 'abc', true), 'SID=abc; Max-Age=60; Path=/shop; HttpOnly; SameSite=Lax; Secure')
  t.equal(setCookie({ ...options, maxAge: 0 }, 'abc', false), 'SID=abc; Path=/shop; HttpOnly; SameSite=Lax')
})
