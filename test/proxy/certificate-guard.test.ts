import t from 'tap'
import { CertificateGuard } from '../../proxy/certificate-guard.ts'
import type { LogFields, Logger } from '../../proxy/telemetry/log.ts'

const DAY = 86_400_000

t.test('an own certificate is spoken of late in its life and at its end, once each', async (t) => {
  const lines: string[] = []
  const write = (level: string) => (_fields: LogFields, msg: string) => void lines.push(`${level} ${msg}`)
  const log: Logger = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  }
  let wall = 0
  const guard = new CertificateGuard(0, DAY, { now: () => 0, wall: () => wall }, log)
  t.teardown(() => guard.close())

  wall = 0.69 * DAY
  guard.look()
  t.strictSame(lines, [])
  t.equal(guard.problem(), null)

  wall = 0.7 * DAY
  guard.look()
  guard.look()
  t.strictSame(lines, [
    'warn the certificate expires on 1970-01-02T00:00:00.000Z: issue another and restart the sidecar',
  ])
  t.equal(guard.problem(), null, 'still good')

  wall = DAY
  guard.look()
  guard.look()
  t.equal(lines.length, 2)
  t.match(lines[1], /^error the certificate expired on 1970-01-02T00:00:00.000Z/)
  t.match(guard.problem(), /expired/)
})
