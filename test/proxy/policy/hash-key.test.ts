import t from 'tap'
import type { HashKeyConfig } from '../../../config/types/upstream.ts'
import { murmur3 } from '../../../proxy/base/murmur3.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { HashKeys } from '../../../proxy/policy/hash-key.ts'

const cookie = (name: string) => ({ name, maxAge: 60, path: '/' })
const USER: HashKeyConfig = { kind: 'header', name: 'x-user' }
const KEPT: HashKeyConfig = { kind: 'cookie', cookie: cookie('kept'), generated: false }
const MADE: HashKeyConfig = { kind: 'cookie', cookie: cookie('made'), generated: true }

function hash(keys: readonly HashKeyConfig[], fields: Record<string, string>, path = '/a?b=c'): number {
  return new HashKeys(keys).hash(Head.request('GET', 'http', 'a.test', path, Fields.of(fields)), '10.0.0.9')
}

t.test('each kind of key', async (t) => {
  t.equal(hash([USER], { 'x-user': 'ann' }), murmur3('ann'))
  t.equal(hash([KEPT], { cookie: 'a=b; kept=k1' }), murmur3('k1'))
  t.equal(hash([MADE], { cookie: 'made=m1' }), murmur3('m1'))
  t.equal(hash([{ kind: 'path' }], {}), murmur3('/a'), 'without query')
  t.equal(hash([{ kind: 'source' }], {}), murmur3('10.0.0.9'))
})

t.test('the first that is present counts', async (t) => {
  const keys: HashKeyConfig[] = [USER, KEPT, { kind: 'source' }]
  t.equal(hash(keys, { cookie: 'kept=k1', 'x-user': 'ann' }), murmur3('ann'))
  t.equal(hash(keys, { cookie: 'kept=k1', 'x-user': '' }), murmur3('k1'), 'what is empty is not present')
  t.equal(hash(keys, {}), murmur3('10.0.0.9'))
  t.equal(hash([USER, KEPT], {}), -1)
  t.equal(hash([], {}), -1)
})

t.test('a cookie that is made when it is missing: nothing behind it is asked for', async (t) => {
  const keys = new HashKeys([USER, MADE, { kind: 'source' }])
  t.equal(keys.cookie?.name, 'made')
  t.equal(keys.hash(Head.request('GET', 'http', 'a.test', '/'), '10.0.0.9'), -1)
  t.equal(new HashKeys([USER, KEPT]).cookie, null)
})
