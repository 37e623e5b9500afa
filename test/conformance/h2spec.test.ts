import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../proxy/base/clock.ts'
import { TimerWheel } from '../../proxy/base/timer-wheel.ts'
import { CONNECTION_WINDOW, MAX_STREAM_WINDOW, STREAM_WINDOW } from '../../proxy/codec/http2/options.ts'
import { Http2ServerConnection } from '../../proxy/codec/http2/server-connection.ts'
import { Transport } from '../../proxy/codec/transport.ts'
import { Fields } from '../../proxy/message/fields.ts'
import { Head } from '../../proxy/message/head.ts'
import { Received } from '../support/recorded.ts'

const program = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((directory) => join(directory, 'h2spec'))
  .find((path) => existsSync(path))

const OK = Head.response(200, Fields.of({ 'content-type': 'text/plain', 'content-length': '5' }))
const HELLO = Buffer.from('hello')
/** All cases of h2spec 2.6, strict ones included. */
const CASES = 146

t.test(
  'the server role passes every strict case of h2spec',
  { timeout: 120_000, skip: program === undefined && 'h2spec is not on the PATH' },
  async (t) => {
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
    const { port } = server.address() as { port: number }

    const child = spawn(program as string, ['-S', '-h', '127.0.0.1', '-p', String(port), '-o', '2'])
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    await once(child, 'close')
    const [, tests, passed] = /(\d+) tests, (\d+) passed/.exec(output) ?? []
    t.equal(passed, tests, output.slice(output.indexOf('Failures:')))
    t.ok(Number(tests) >= CASES, `${tests} cases`)
  },
)
