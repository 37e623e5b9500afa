// Readiness and liveness of the application that a sidecar runs, with real processes.
import t from 'tap'
import { freePorts } from '../support/peers/free-port.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { runSidecar } from '../support/sidecar.ts'
import {
  appIs,
  appSidecarOptions,
  appView,
  gone,
  isAlive,
  startAppSidecar,
  until,
} from '../support/supervised-app.ts'

const FAST = 'backOff: { from: 20ms, to: 50ms }'

const SERVER = `import { createServer } from 'node:http'
process.on('SIGTERM', () => process.exit(0))
`

t.test('the sidecar is ready when the application is', async (t) => {
  const [port] = await freePorts(1)
  const sidecar = await startAppSidecar(t, {
    script: `${SERVER}
let healthy = false
process.on('SIGUSR2', () => { healthy = !healthy })
createServer((request, response) => {
  response.statusCode = healthy ? 200 : 503
  response.end()
}).listen(${port}, '127.0.0.1')`,
    app: `address: "127.0.0.1:${port}", ready: { http: { path: /health }, interval: 20ms, unhealthyAfter: 2 }`,
  })
  await appIs(sidecar, 'starting')
  const before = await sidecar.page('/ready')
  t.equal(before.status, 503)
  t.match(before.text, 'the application is starting')
  t.match(await sidecar.metric('pillion_app_up'), { '': 0 })
  const { pid } = await appView(sidecar)
  // Its handler is there when it listens.
  await until('a check', async () => /status 503/.test((await sidecar.page('/ready')).text))
  process.kill(pid ?? 0, 'SIGUSR2')
  await appIs(sidecar, 'ready')
  t.equal((await sidecar.page('/ready')).status, 200)
  process.kill(pid ?? 0, 'SIGUSR2')
  await appIs(sidecar, 'unready')
  t.match(await sidecar.page('/ready'), { status: 503, text: /not ready: status 503 for \/health/ })
  process.kill(pid ?? 0, 'SIGUSR2')
  t.match(await appIs(sidecar, 'ready'), { pid, restarts: 0 }, 'not restarted for it')
  await sidecar.stop(t)
})

t.test('an application that never becomes ready is stopped', async (t) => {
  const [port] = await freePorts(1)
  const options = await appSidecarOptions(t, {
    script: 'setInterval(() => {}, 1000)',
    app: `address: "127.0.0.1:${port}", ready: { tcp: {}, within: 400ms }, restart: { policy: never }`,
  })
  const child = runSidecar(t, options)
  t.equal(await child.exited(), 143, 'it ended by the signal it got')
  t.match(child.stderr, /not ready after 0\.4 s: connection refused: nothing listens there: it is stopped/)
})

t.test('one that dies before it is ready', async (t) => {
  const [port] = await freePorts(1)
  const options = await appSidecarOptions(t, {
    script: 'setTimeout(() => process.exit(9), 50)',
    app: `address: "127.0.0.1:${port}", ready: { tcp: {} }, restart: { ${FAST}, limit: { restarts: 1 } }`,
  })
  const child = runSidecar(t, options)
  t.equal(await child.exited(), 9)
  t.notMatch(child.stderr, /application is ready/)
})

t.test('an application that hangs is killed and started again', async (t) => {
  const [port] = await freePorts(1)
  const sidecar = await startAppSidecar(t, {
    script: `${SERVER}
createServer((request, response) => {
  if (request.url === '/hang') for (;;);
  response.end()
}).listen(${port}, '127.0.0.1')`,
    app: `address: "127.0.0.1:${port}", live: { http: {}, interval: 50ms, timeout: 300ms, unhealthyAfter: 2 },
  stop: { grace: 100ms }, restart: { ${FAST} }`,
  })
  const first = await appIs(sidecar, 'ready')
  const client = new Http1Client({ port: Number(port) })
  t.teardown(() => client.close())
  await t.rejects(client.request({ path: '/hang' }))
  client.close()
  const second = await appIs(sidecar, 'ready', 1)
  t.not(second.pid, first.pid)
  t.notOk(isAlive(first.pid ?? 0))
  t.match(await sidecar.metric('pillion_app_restarts_total'), { 'cause=live': 1 })
  await sidecar.logged(/does not live: health check failed: timeout after 300 ms: .*: it is stopped/)
  await sidecar.logged(/did not end in time: it is killed/)
  await sidecar.stop(t)
  await gone(second.pid ?? 0)
})
