import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../proxy/base/clock.ts'
import { TimerWheel } from '../../proxy/base/timer-wheel.ts'
import { CONNECTION_WINDOW, MAX_STREAM_WINDOW, STREAM_WINDOW } from '../../proxy/codec/http2/options.ts'
import { Http2ServerConnection } from '../../proxy/codec/http2/server-connection.ts'
import { Transport } from '../../proxy/codec/transport.ts'
import { Fields } from '../../proxy/message/fields.ts'
import { Head } from '../../proxy/message/head.ts'
import { createMesh } from '../support/mesh-folder.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { startHttp2 } from '../support/peers/http2-upstream.ts'
import { Received } from '../support/recorded.ts'
import { startSidecar } from '../support/sidecar.ts'

// Ten rounds on a busy machine.
t.setTimeout(900_000)

const program = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((directory) => join(directory, 'h2spec'))
  .find((path) => existsSync(path))

const skip =
  program === undefined &&
  'h2spec is not on the PATH; with Go: go install github.com/summerwind/h2spec/cmd/h2spec@latest'

/** How often the whole of h2spec is run against each server. */
const ROUNDS = Number(process.env['PILLION_H2SPEC_ROUNDS'] ?? 1)

/**
 * Cases of h2spec 2.2.1, what `go install` gives, strict ones included. Later versions have a few more: HEADERS on a
 * stream below one that PRIORITY named while it was idle, and HEADERS on a stream that is half-closed. Both stand in
 * rfc9113/section-5-1-streams.test.ts.
 */
const CASES = 146

/** Seconds that a case waits before it takes silence for an answer. */
const CASE_SECONDS = 3

/**
 * The case that a port in plain text cannot pass as it is written: what does not begin with the preface is HTTP/1.1 there,
 * here with a malformed request line, and is told so before the connection is closed. h2spec takes the 400 for a frame.
 */
const NOT_THE_PREFACE = '2: Sends invalid connection preface'

/** Runs every case, strict ones included, in as many rounds as are asked for. */
async function conforms(t: Test, port: number, more: readonly string[] = [], excused = ''): Promise<void> {
  for (let round = 1; round <= ROUNDS; round++) {
    const child = spawn(program as string, [
      '--strict',
      '--host=127.0.0.1',
      `--port=${port}`,
      `--timeout=${CASE_SECONDS}`,
      ...more,
    ])
    t.teardown(() => child.kill('SIGKILL'))
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    await once(child, 'close')
    const tests = Number(/(\d+) tests/.exec(output)?.[1])
    t.ok(tests >= CASES, `round ${round}: ${tests} cases`)
    t.match(output, `${tests - (excused === '' ? 0 : 1)} passed`)
    // What failed comes once more at the end, with what was expected.
    const failures = output.slice(Math.max(0, output.indexOf('Failures:')))
    const failed = [...failures.matchAll(/× (.*)/g)].map(([, title]) => title)
    t.strictSame(failed, excused === '' ? [] : [excused])
    if (failed.join() !== excused) t.comment(failures)
  }
}

const OK = Head.response(200, Fields.of({ 'content-type': 'text/plain', 'content-length': '5' }))
const HELLO = Buffer.from('hello')

t.test('the server role of the codec', { skip, timeout: 300_000 }, async (t) => {
  const timers = new TimerWheel(systemClock.now)
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const transport = new Transport(socket)
    const options = {
      timers,
      streamWindow: STREAM_WINDOW,
      maxStreamWindow: MAX_STREAM_WINDOW,
      connectionWindow: CONNECTION_WINDOW,
      maxHeadBytes: 65_536,
      maxFields: 100,
      idleMs: 0,
      headMs: 10_000,
      maxStreams: 100,
    }
    new Http2ServerConnection(
      transport,
      options,
      {
        request: (stream) => {
          const received = new Received()
          received.stream = stream
          received.autoCredit = true
          stream.receiver = received
          stream.head(OK, null, false)
          stream.data(HELLO, 0, HELLO.length, true)
        },
      },
      { sessionClosed: () => {} },
    )
    transport.start()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  await conforms(t, (server.address() as { port: number }).port)
})

t.test('a whole sidecar', { skip, timeout: 600_000 }, async (t) => {
  const mesh = await createMesh(t, 'edge')
  const upstreams = { http1: await startHttp1(), h2: await startHttp2() }
  t.teardown(() => Promise.all([upstreams.http1.close(), upstreams.h2.close()]))
  const protocols = ['http1', 'h2'] as const
  const sidecar = await startSidecar(t, {
    mesh,
    service: 'edge',
    config: `listeners:
${protocols
  .flatMap((protocol) =>
    (['server', 'none'] as const).map(
      (tls) =>
        `  - { name: ${protocol}-${tls}, address: 127.0.0.1:0, tls: ${tls}, routes: [{ upstream: ${protocol} }] }`,
    ),
  )
  .join('\n')}
upstreams:
${protocols.map((protocol) => `  ${protocol}: { protocol: ${protocol}, endpoints: ["127.0.0.1:${upstreams[protocol].port}"] }`).join('\n')}`,
  })
  const path = '--path=/bytes/5'
  for (const protocol of protocols) {
    await t.test(`over TLS, the upstream speaks ${protocol}`, (t) =>
      conforms(t, sidecar.port(`${protocol}-server`), [path, '--tls', '--insecure']),
    )
    await t.test(`in plain text, the upstream speaks ${protocol}`, (t) =>
      conforms(t, sidecar.port(`${protocol}-none`), [path], NOT_THE_PREFACE),
    )
  }
  t.ok(sidecar.child.running)
  await sidecar.stop(t)
})
