import t from 'tap'
import { freePorts } from '../support/peers/free-port.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { appIs, appView, gone, IGNORES, printed, startAppSidecar } from '../support/supervised-app.ts'

t.test('first what came in, then the application, then what goes out', async (t) => {
  const upstream = await startHttp1({ name: 'upstream' })
  t.teardown(() => upstream.close())
  const [port] = await freePorts(1)
  const sidecar = await startAppSidecar(t, {
    script: `import { createServer } from 'node:http'
const call = (path) => fetch(process.env.PILLION_OUTBOUND + path).then(({ status }) => status)
createServer(async (request, response) => {
  response.end('upstream said ' + (await call('/hold')))
}).listen(${port}, '127.0.0.1')
process.on('SIGTERM', async () => {
  console.log('asked to end')
  console.log('farewell ' + (await call('/headers')))
  console.log('and again ' + (await call('/hold')))
  process.exit(0)
})`,
    app: `address: "127.0.0.1:${port}", ready: { tcp: {} }`,
    config: `listeners:
  - { name: inbound, address: "127.0.0.1:0", routes: [{ upstream: app }] }
  - { name: outbound, address: "127.0.0.1:0", routes: [{ upstream: u }] }
upstreams:
  app: { protocol: http1, endpoints: ["127.0.0.1:${port}"] }
  u: { protocol: http1, endpoints: ["127.0.0.1:${upstream.port}"] }`,
  })
  const { pid } = await appIs(sidecar, 'ready')
  const client = new Http1Client({ port: sidecar.port('inbound') })
  t.teardown(() => client.close())
  const reply = client.request({ path: '/' })
  await upstream.when('the application to call', () => upstream.held === 1)
  sidecar.child.signal('SIGTERM')
  await sidecar.logged(/SIGTERM/)
  t.equal((await sidecar.page('/ready')).status, 503)
  const late = new Http1Client({ port: sidecar.port('inbound') })
  t.teardown(() => late.close())
  await t.rejects(late.request({ path: '/' }), 'nothing more comes in')
  t.notMatch(sidecar.child.stdout, 'asked to end', 'the application is not told while it answers')
  upstream.release()
  const { status, body } = await reply
  t.equal(`${status} ${body}`, '200 upstream said 200')
  await printed(sidecar, /(farewell 200)/)
  await upstream.when('the last call', () => upstream.held === 1)
  t.ok(sidecar.child.running, 'the sidecar waits for the application')
  upstream.release()
  t.equal(await sidecar.child.exited(), 0)
  t.match(sidecar.child.stdout, /asked to end\nfarewell 200\nand again 200\n$/)
  t.match(sidecar.child.stderr, /the application ended with exit code 0/)
  await gone(pid ?? 0)
})

t.test('an application that ignores the signal is killed', async (t) => {
  const sidecar = await startAppSidecar(t, { script: IGNORES, app: 'stop: { grace: 200ms }' })
  await printed(sidecar, /^(deaf)$/m)
  const { pid } = await appView(sidecar)
  t.equal(await sidecar.child.stop('SIGTERM'), 0)
  t.match(sidecar.child.stdout, /^heard$/m)
  t.match(sidecar.child.stderr, /did not end in time: it is killed/)
  await gone(pid ?? 0)
})

t.test('the grace of the sidecar bounds that of the application', async (t) => {
  const sidecar = await startAppSidecar(t, {
    script: IGNORES,
    app: 'stop: { grace: 5m }',
    config: `shutdown: { grace: 700ms }
listeners: [{ name: outbound, address: "127.0.0.1:0", routes: [{ upstream: u }] }]
upstreams: { u: { endpoints: ["127.0.0.1:1"] } }`,
  })
  await printed(sidecar, /^(deaf)$/m)
  const { pid } = await appView(sidecar)
  t.equal(await sidecar.child.stop('SIGTERM'), 0)
  await gone(pid ?? 0)
})

t.test('a signal while the application waits to be started again', async (t) => {
  const sidecar = await startAppSidecar(t, {
    script: 'process.exit(1)',
    app: 'restart: { backOff: { from: 10m, to: 10m } }',
  })
  await appIs(sidecar, 'waiting')
  await sidecar.stop(t)
})
