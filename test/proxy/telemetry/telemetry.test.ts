import { spawnSync } from 'node:child_process'
import t from 'tap'
import { METRICS, type MetricDefinition } from '../../../proxy/telemetry/metric-table.ts'
import { Telemetry } from '../../../proxy/telemetry/telemetry.ts'
import { parseScrape, sampleValue } from './scrape.ts'

/** What of a test is needed to clean up after it. */
interface Teardown {
  teardown(clean: () => void): void
}

const version = '1.2.3'
const lint = spawnSync('promtool', ['--version'])
const noPromtool = lint.error === undefined ? false : 'promtool (Debian package prometheus) is not installed'

/** Something counted under every metric. */
function filled(t: Teardown, processMetrics = false): Telemetry {
  const telemetry = new Telemetry({ service: 'shop', version, processMetrics })
  t.teardown(() => telemetry.close())
  const requests = telemetry.requests('inbound', 'all', 'app')
  requests.record(200, -1, 3)
  requests.record(200, 0, 7)
  requests.record(200, 14, 7)
  requests.requestBytes += 10
  requests.responseBytes += 20
  const listener = telemetry.listener('inbound', 'inbound')
  listener.connections = 2
  listener.connectionsOpened = 5
  listener.http1 = 1
  listener.http2 = 4
  listener.tlsHandshakes = 5
  listener.denied = 1
  listener.tlsFailures.count('no-certificate')
  listener.connectionsRefused.count('limit')
  listener.protocolErrors.count('PROTOCOL_ERROR')
  listener.limits.count('limits.headBytes')
  listener.localReplies.count('no-route')
  telemetry.upstream('app').retries = 3
  telemetry.upstream('app').limits.count('http2.glitches')
  telemetry.upstream('app').ejections = { consecutive: 2 }
  telemetry.upstream('app').breaker = { shut: 6 }
  const endpoint = telemetry.endpoint('app', '127.0.0.1:8080')
  endpoint.requests = 9
  endpoint.checksFailed = 1
  telemetry.certificates.set([{ kind: 'leaf', id: 'spiffe://mesh.local/a', notAfter: 1_800_000_000_000 }])
  telemetry.config.recordLoad('abc123', 1_700_000_000_500)
  return telemetry
}

t.test('what was counted is in the scrape, with exactly its labels', async (t) => {
  const samples = parseScrape(await filled(t).text())
  const route = { direction: 'inbound', route: 'all', upstream: 'app' }
  const listener = { listener: 'inbound' }
  const endpoint = { upstream: 'app', endpoint: '127.0.0.1:8080' }
  const expected: [string, Record<string, string>, number][] = [
    ['pillion_requests_total', { ...route, code: '200', grpc_status: '' }, 1],
    ['pillion_requests_total', { ...route, code: '200', grpc_status: '0' }, 1],
    ['pillion_requests_total', { ...route, code: '200', grpc_status: '14' }, 1],
    ['pillion_request_duration_seconds_count', route, 3],
    ['pillion_request_body_bytes_total', route, 10],
    ['pillion_response_body_bytes_total', route, 20],
    ['pillion_connections_open', listener, 2],
    ['pillion_connections_total', listener, 5],
    ['pillion_connections_protocol_total', { ...listener, protocol: 'http1' }, 1],
    ['pillion_connections_protocol_total', { ...listener, protocol: 'h2' }, 4],
    ['pillion_connections_refused_total', { ...listener, reason: 'limit' }, 1],
    ['pillion_protocol_errors_total', { ...listener, code: 'PROTOCOL_ERROR' }, 1],
    ['pillion_tls_handshakes_total', listener, 5],
    ['pillion_tls_handshake_failures_total', { ...listener, reason: 'no-certificate' }, 1],
    ['pillion_authorization_denied_total', listener, 1],
    ['pillion_local_replies_total', { ...listener, reason: 'no-route' }, 1],
    ['pillion_listener_info', { ...listener, direction: 'inbound' }, 1],
    ['pillion_upstream_retries_total', { upstream: 'app' }, 3],
    ['pillion_upstream_outliers_total', { upstream: 'app', cause: 'consecutive' }, 2],
    ['pillion_upstream_breaker_total', { upstream: 'app', event: 'shut' }, 6],
    ['pillion_upstream_requests_total', endpoint, 9],
    ['pillion_upstream_healthy', endpoint, 1],
    ['pillion_upstream_health_checks_total', { ...endpoint, result: 'failed' }, 1],
    ['pillion_certificate_expiry_timestamp_seconds', { kind: 'leaf', id: 'spiffe://mesh.local/a' }, 1.8e9],
    ['pillion_config_info', { hash: 'abc123' }, 1],
    ['pillion_config_last_reload_success', {}, 1],
    ['pillion_config_last_reload_success_timestamp_seconds', {}, 1_700_000_000.5],
    ['pillion_config_reloads_total', { result: 'ok' }, 1],
    ['pillion_build_info', { service: 'shop', version, node: process.version }, 1],
  ]
  for (const [name, labels, value] of expected) t.equal(sampleValue(samples, name, labels), value, name)
})

t.test('every sample has the labels of the table, in both formats', async (t) => {
  const telemetry = filled(t)
  for (const text of [await telemetry.text(), await telemetry.openMetrics()]) {
    const seen = new Set<string>()
    for (const { name, labels } of parseScrape(text)) {
      const metric = name in METRICS ? name : name.replace(/_(bucket|sum|count)$/, '')
      const definition: MetricDefinition | undefined = METRICS[metric as keyof typeof METRICS]
      if (definition === undefined) {
        t.fail(`${name} is not in the table`)
        continue
      }
      seen.add(metric)
      const own = Object.keys(labels).filter((label) => label !== 'le' && label !== 'quantile')
      t.strictSame(own.sort(), [...definition.labels].sort(), name)
    }
    const silent = Object.keys(METRICS).filter((name) => !seen.has(name))
    // The event loop may not have been sampled yet.
    t.strictSame(
      silent.filter((name) => name !== 'pillion_event_loop_lag_seconds'),
      [],
      'every metric has a sample',
    )
  }
})

t.test('promtool finds nothing wrong with the text format', { skip: noPromtool }, async (t) => {
  const text = await filled(t, true).text()
  const { status, stderr, stdout } = spawnSync('promtool', ['check', 'metrics'], { input: text })
  t.equal(status, 0, `${stderr}${stdout}`)
})

t.test(
  'OpenMetrics: counters without suffix, canonical bounds, an end mark, and text stays as it was',
  async (t) => {
    const telemetry = filled(t, true)
    const before = await telemetry.text()
    const text = await telemetry.openMetrics()
    t.match(text, /^# TYPE pillion_requests counter$/m)
    t.match(text, /^pillion_requests_total\{/m)
    t.match(text, /^# TYPE process_cpu_seconds counter$/m)
    t.match(text, /^process_cpu_seconds_total /m)
    t.notMatch(text, /_total_total/)
    t.notMatch(text, /le="\d+"/, 'whole bounds are written as floats')
    t.notOk(text.trimEnd().split('\n').includes(''), 'no empty lines')
    t.ok(text.endsWith('\n# EOF\n'))
    const kinds = (scrape: string) => scrape.split('\n').filter((line) => line.startsWith('# TYPE'))
    t.strictSame(kinds(await telemetry.text()), kinds(before))
  },
)

t.test('the objects are found again, and dropped when removed', async (t) => {
  const telemetry = filled(t)
  t.equal(telemetry.requests('inbound', 'all', 'app'), telemetry.requests('inbound', 'all', 'app'))
  t.equal(telemetry.endpoint('app', '127.0.0.1:8080').requests, 9)
  telemetry.endpoint('app', 'b:1')
  telemetry.endpoint('other', 'c:1')
  telemetry.removeEndpoint('app', 'b:1')
  t.notMatch(await telemetry.text(), /endpoint="b:1"/)
  telemetry.removeUpstream('app')
  telemetry.removeListener('inbound')
  telemetry.removeRequests('inbound', 'all', 'app')
  const text = await telemetry.text()
  t.notMatch(text, /upstream="app"/)
  t.notMatch(text, /listener="inbound"/)
  t.match(text, /endpoint="c:1"/)
})

t.test('endpoints are counted by state', async (t) => {
  const telemetry = new Telemetry({ service: 'shop', version, processMetrics: false })
  t.teardown(() => telemetry.close())
  telemetry.upstream('empty')
  telemetry.endpoint('app', 'a:1')
  telemetry.endpoint('app', 'b:1').healthy = false
  telemetry.endpoint('app', 'c:1').ejected = true
  const both = telemetry.endpoint('app', 'd:1')
  both.healthy = false
  both.ejected = true
  const samples = parseScrape(await telemetry.text())
  const count = (upstream: string, state: string) =>
    sampleValue(samples, 'pillion_upstream_endpoints', { upstream, state })
  t.equal(count('app', 'healthy'), 1)
  t.equal(count('app', 'unhealthy'), 2)
  t.equal(count('app', 'ejected'), 1)
  t.equal(count('empty', 'healthy'), 0)
})

t.test('label values are escaped', async (t) => {
  const telemetry = new Telemetry({ service: 'a"b\\c\nd', version, processMetrics: false })
  t.teardown(() => telemetry.close())
  const build = parseScrape(await telemetry.text()).find((sample) => sample.name === 'pillion_build_info')
  t.equal(build?.labels['service'], 'a"b\\c\nd')
})

t.test('of certificates with one name the first to expire is told; a new set replaces the old', async (t) => {
  const telemetry = filled(t)
  telemetry.certificates.set([
    { kind: 'ca', id: 'CN=root', notAfter: 5000 },
    { kind: 'ca', id: 'CN=root', notAfter: 3000 },
  ])
  const expiry = parseScrape(await telemetry.text()).filter((sample) => sample.name.includes('expiry'))
  t.strictSame(
    expiry.map(({ labels, value }) => [labels, value]),
    [[{ kind: 'ca', id: 'CN=root' }, 3]],
  )
})

t.test('a refused configuration shows, with the old one still in force', async (t) => {
  const telemetry = filled(t)
  telemetry.config.recordFailure()
  const samples = parseScrape(await telemetry.text())
  t.equal(sampleValue(samples, 'pillion_config_last_reload_success'), 0)
  t.equal(sampleValue(samples, 'pillion_config_info', { hash: 'abc123' }), 1)
  t.equal(sampleValue(samples, 'pillion_config_reloads_total', { result: 'failed' }), 1)
})

t.test('what is counted elsewhere is copied in before each scrape, until told otherwise', async (t) => {
  const telemetry = new Telemetry({ service: 'shop', version, processMetrics: false })
  t.teardown(() => telemetry.close())
  const endpoint = telemetry.endpoint('app', 'a:1')
  const stop = telemetry.onScrape(() => {
    endpoint.active += 1
  })
  const active = async () =>
    sampleValue(parseScrape(await telemetry.text()), 'pillion_upstream_requests_active', endpoint.labels)
  t.equal(await active(), 1)
  t.equal(await active(), 2)
  stop()
  t.equal(await active(), 2)
})

t.test('a metric with very many samples is whole, with one header', async (t) => {
  const telemetry = new Telemetry({ service: 'shop', version, processMetrics: false })
  t.teardown(() => telemetry.close())
  for (let i = 0; i < 1234; i++) telemetry.endpoint('app', `a:${i}`).requests = i
  const text = await telemetry.text()
  const values = parseScrape(text)
    .filter(({ name }) => name === 'pillion_upstream_requests_total')
    .map(({ labels, value }) => labels['endpoint'] === `a:${value}` && value)
  t.strictSame(
    values,
    Array.from({ length: 1234 }, (_, i) => i),
  )
  t.equal(text.match(/^# TYPE pillion_upstream_requests_total /gm)?.length, 1)
})

t.test('scrapes at the same time get the same text', async (t) => {
  const telemetry = filled(t, true)
  const [first, second] = await Promise.all([telemetry.text(), telemetry.text()])
  t.equal(first, second)
})
