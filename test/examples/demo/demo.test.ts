import { existsSync } from 'node:fs'
import t from 'tap'
import { canFindProcesses, RunningDemo } from './running-demo.ts'

/** What the demo promises, a check each. */
const CHECKS = [
  'REST GET across two sidecars: {"id":"1",',
  'REST POST across two sidecars: {"id":"3","item":"tea","quantity":3} from orders-',
  'gRPC across two sidecars: Hello, Ada. from greeter-',
  'calls are spread over all instances: greeter-1, greeter-2, greeter-3, orders-1, orders-2',
  'a host without a route is refused: status 404',
  'a caller without certificate is refused at greeter-1: ',
  'a workload that no rule allows is refused at greeter-1: ',
  'a caller without certificate is refused at orders-1: ',
  'a workload that no rule allows is refused at orders-1: ',
  'greeter-2 leaves by health check (the service hangs and is killed, its sidecar stays): unhealthy after ',
  'greeter-2 returns when it is started again: healthy ',
  'no call to greeter is lost meanwhile: ',
  'orders-1 leaves by health check (service and sidecar hang and are killed together): unhealthy after ',
  'orders-1 returns when it is started again: healthy ',
  'no call to orders is lost meanwhile: ',
  'the metrics of the caller’s sidecar show both services: ',
  'the metrics of every service’s sidecar show calls over mutual TLS: greeter-1 ',
]

t.test('demo --once checks all that the demo shows, and leaves nothing behind', async (t) => {
  const demo = new RunningDemo('--once')
  t.teardown(() => demo.end())
  const { child } = demo
  const folder = await demo.folder()
  t.ok(existsSync(folder))
  await demo.line(/^every process has ended/m)
  t.equal(await child.exited(), 0, child.stdout + child.stderr)
  t.equal(child.stderr, '')
  const lines = child.stdout.split('\n').filter((line) => /^[✓✗]/.test(line))
  t.equal(lines.length, CHECKS.length, child.stdout)
  for (const [i, check] of CHECKS.entries()) {
    t.ok(lines[i]?.startsWith(`✓ ${check}`), `${check} — got: ${lines[i]}`)
  }
  t.match(child.stdout, `${CHECKS.length} of ${CHECKS.length} checks passed`)
  t.notOk(existsSync(folder))
  if (canFindProcesses) t.same(demo.processes(), [])
})
