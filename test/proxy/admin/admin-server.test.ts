import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import t from 'tap'
import type { AdminSources, Readiness } from '../../../proxy/admin/admin-page.ts'
import { type AdminServer, startAdminServer } from '../../../proxy/admin/admin-server.ts'
import { Telemetry } from '../../../proxy/telemetry/telemetry.ts'

/** What of a test is needed to clean up after it. */
interface Teardown {
  teardown(clean: () => void | Promise<void>): void
}

interface Reply {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

const sources: AdminSources = {
  upstreams: () => ({ app: { endpoints: [{ address: '127.0.0.1:8080', healthy: true }] } }),
  config: () => ({ service: 'shop', keyFile: '[redacted]' }),
  certificates: () => [{ kind: 'leaf', id: 'spiffe://mesh.local/a' }],
}

interface Given {
  full?: boolean
  host?: string
  ready?: () => Readiness
  sources?: AdminSources
  failed?: (path: string, error: unknown) => void
}

async function start(t: Teardown, given: Given = {}): Promise<AdminServer> {
  const telemetry = new Telemetry({ service: 'shop', version: '1.2.3', processMetrics: false })
  const host = given.host ?? '127.0.0.1'
  const common = {
    address: `${host}:0`,
    host,
    port: 0,
    telemetry,
    ready: given.ready ?? (() => ({ ready: true, reasons: [] })),
    ...(given.failed === undefined ? {} : { failed: given.failed }),
  }
  const server = await startAdminServer(
    given.full === false
      ? { ...common, full: false }
      : { ...common, full: true, sources: given.sources ?? sources },
  )
  t.teardown(async () => {
    telemetry.close()
    await server.close()
  })
  return server
}

function ask(
  server: AdminServer,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port: server.address.port,
        path,
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
        agent: false,
      },
      (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          body += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }))
        response.on('error', reject)
      },
    )
    asked.on('error', reject)
    asked.end(options.body)
  })
}

t.test('metrics come in the format the scraper prefers', async (t) => {
  const server = await start(t)
  const text = await ask(server, '/metrics')
  t.equal(text.status, 200)
  t.match(text.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.match(text.body, /^pillion_build_info\{.*service="shop".*\} 1$/m)
  const openMetrics = await ask(server, '/metrics', {
    headers: { accept: 'application/openmetrics-text;version=1.0.0' },
  })
  t.match(openMetrics.headers['content-type'], /^application\/openmetrics-text; version=1\.0\.0/)
  t.ok(openMetrics.body.endsWith('# EOF\n'))
})

t.test('readiness is asked each time, and a no comes with its reasons', async (t) => {
  let state: Readiness = { ready: false, reasons: ['no certificate yet', 'upstream app has no endpoint'] }
  const server = await start(t, { full: false, ready: () => state })
  const no = await ask(server, '/ready')
  t.equal(no.status, 503)
  t.match(no.body, 'no certificate yet')
  t.match(no.body, 'upstream app has no endpoint')
  t.equal((await ask(server, '/live')).status, 200, 'alive all the same')
  state = { ready: true, reasons: [] }
  const yes = await ask(server, '/ready')
  t.equal(yes.status, 200)
  t.equal(yes.body, 'ready\n')
})

t.test('the admin pages show what their sources say', async (t) => {
  const server = await start(t)
  for (const [path, source] of Object.entries(sources)) {
    const reply = await ask(server, `/${path}`)
    t.equal(reply.status, 200, path)
    t.equal(reply.headers['content-type'], 'application/json')
    t.strictSame(JSON.parse(reply.body), source())
  }
  const index = await ask(server, '/')
  t.equal(index.status, 200)
  for (const path of ['/metrics', '/ready', '/live', '/upstreams', '/config', '/certificates']) {
    t.match(index.body, new RegExp(`^${path} `, 'm'))
  }
})

t.test('the metrics server has metrics and probes and nothing else', async (t) => {
  const server = await start(t, { full: false })
  for (const path of ['/metrics', '/ready', '/live']) t.equal((await ask(server, path)).status, 200, path)
  for (const path of ['/', '/config', '/upstreams', '/certificates']) {
    const reply = await ask(server, path)
    t.equal(reply.status, 404, path)
    t.match(reply.body, '/metrics')
    t.notMatch(reply.body, '/config')
  }
})

t.test('an unknown page is told with those that exist; a query does not matter', async (t) => {
  const server = await start(t)
  const reply = await ask(server, '/metric')
  t.equal(reply.status, 404)
  t.match(reply.body, /^\/metrics /m)
  t.equal((await ask(server, '/ready?x=1')).status, 200)
})

t.test('only GET and HEAD are answered', async (t) => {
  const server = await start(t)
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const reply = await ask(server, '/ready', { method, body: method === 'POST' ? 'x'.repeat(1000) : '' })
    t.equal(reply.status, 405, method)
    t.equal(reply.headers.allow, 'GET, HEAD')
  }
  const head = await ask(server, '/metrics', { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(head.body, '')
  t.ok(Number(head.headers['content-length']) > 0)
})

t.test('pages are neither cached nor guessed at', async (t) => {
  const { headers } = await ask(await start(t), '/config')
  t.equal(headers['cache-control'], 'no-store')
  t.equal(headers['x-content-type-options'], 'nosniff')
})

t.test('a page of the web whose name resolves to the loopback reads nothing', async (t) => {
  const admin = await start(t)
  for (const host of [
    'evil.example',
    'evil.example:15000',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
  ]) {
    const reply = await ask(admin, '/config', { headers: { host } })
    t.equal(reply.status, 421, host)
    t.notMatch(reply.body, 'shop')
  }
  for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:15000', '127.1.2.3', '[::1]:15000']) {
    t.equal((await ask(admin, '/config', { headers: { host } })).status, 200, host)
  }
  const metrics = await start(t, { full: false })
  const scraped = await ask(metrics, '/metrics', { headers: { host: 'shop.default.svc' } })
  t.equal(scraped.status, 200, 'scrapers may use any name')
})

t.test('a source that fails costs its page, and its cause is not shown', async (t) => {
  const failures: [string, unknown][] = []
  const server = await start(t, {
    sources: {
      ...sources,
      config: () => {
        throw new Error('secret inside')
      },
    },
    failed: (path, error) => failures.push([path, error]),
  })
  const reply = await ask(server, '/config')
  t.equal(reply.status, 500)
  t.notMatch(reply.body, 'secret inside')
  t.match(failures, [['/config', { message: 'secret inside' }]])
  t.equal((await ask(server, '/ready')).status, 200)
})

t.test('an occupied address is told with what to do', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  const telemetry = new Telemetry({ service: 'shop', version: '1', processMetrics: false })
  t.teardown(() => telemetry.close())
  const common = {
    address: `127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    telemetry,
    ready: () => ({ ready: true, reasons: [] }),
  }
  const told = `127.0.0.1:${port}: the address is already in use`
  await t.rejects(startAdminServer({ ...common, full: true, sources }), {
    message: new RegExp(`^admin\\.address ${told}.*set admin\\.address to a free port`),
  })
  await t.rejects(startAdminServer({ ...common, full: false }), {
    message: new RegExp(`^metrics\\.address ${told}`),
  })
})

t.test('an address of another machine is told as such', async (t) => {
  // TEST-NET-1 (RFC 5737), which no interface has.
  await t.rejects(start(t, { host: '192.0.2.1' }), {
    message: /192\.0\.2\.1:0: this machine has no such address/,
  })
})

t.test('closing ends idle connections and lets go of the port', async (t) => {
  const server = await start(t)
  const { port } = server.address
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write('GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await once(socket, 'data')
  const ended = once(socket, 'close')
  await server.close()
  await ended
  const again = createServer().listen(port, '127.0.0.1')
  await once(again, 'listening')
  again.close()
})

t.test('the application has a page where the sidecar runs one', async (t) => {
  const without = await start(t)
  t.equal((await ask(without, '/app')).status, 404)
  const server = await start(t, { sources: { ...sources, app: () => ({ state: 'ready', pid: 7 }) } })
  const { status, body } = await ask(server, '/app')
  t.equal(status, 200)
  t.strictSame(JSON.parse(body), { state: 'ready', pid: 7 })
  t.match((await ask(server, '/')).body, /^\/app +the application that the sidecar runs, as JSON$/m)
})
