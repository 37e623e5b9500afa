import t from 'tap'
import { appEnvironment } from '../../../proxy/app/app-environment.ts'

t.test('what is set wins over the sidecar, and the sidecar over what it inherited', async (t) => {
  const own = { HOME: '/home/a', MODE: 'old', PILLION_OUTBOUND: 'http://10.0.0.1:1' }
  t.strictSame(appEnvironment(own, '127.0.0.1:15001', { MODE: 'new' }), {
    HOME: '/home/a',
    MODE: 'new',
    PILLION_OUTBOUND: 'http://127.0.0.1:15001',
  })
  t.equal(appEnvironment(own, '[::1]:1', { PILLION_OUTBOUND: 'x' }).PILLION_OUTBOUND, 'x')
  t.notOk('PILLION_OUTBOUND' in appEnvironment(own, null, {}), 'that of a sidecar around this one misleads')
})
