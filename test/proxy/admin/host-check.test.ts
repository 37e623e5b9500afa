import t from 'tap'
import { isLoopback, namesLoopback } from '../../../proxy/admin/host-check.ts'

t.test('loopback names and addresses', async (t) => {
  for (const host of ['localhost', 'LocalHost', '127.0.0.1', '127.255.0.3', '::1', '::ffff:127.0.0.1']) {
    t.equal(isLoopback(host), true, host)
  }
  for (const host of ['', '0.0.0.0', '::', '10.0.0.1', '127.evil.example', '127.0.0.1.example', 'local']) {
    t.equal(isLoopback(host), false, host)
  }
})

t.test('Host fields', async (t) => {
  for (const field of [undefined, 'localhost', 'localhost:15000', '127.0.0.1:1', '[::1]', '[::1]:15000']) {
    t.equal(namesLoopback(field), true, String(field))
  }
  for (const field of [
    '',
    'a.example',
    'localhost:x',
    'x@localhost',
    '::1',
    '[::1',
    '[::2]',
    'localhost:1:2',
  ]) {
    t.equal(namesLoopback(field), false, field)
  }
})
