import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { createLogger } from '../../../proxy/telemetry/log.ts'
import { MemoryStream } from './memory-stream.ts'

t.test('a line has level, time, service, the fields and the sentence', async (t) => {
  const stream = new MemoryStream()
  const log = createLogger({ service: 'shop', stream })
  log.info({ address: '127.0.0.1:1', port: 1 }, 'listening')
  const [record] = stream.records()
  t.match(record, { level: 'info', service: 'shop', address: '127.0.0.1:1', port: 1, msg: 'listening' })
  t.match(record!['time'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  t.strictSame(Object.keys(record!).sort(), ['address', 'level', 'msg', 'port', 'service', 'time'])
})

t.test('lines below the level are not written, and the level can change', async (t) => {
  const stream = new MemoryStream()
  const log = createLogger({ level: 'warn', service: 'shop', stream })
  t.equal(log.enabled('info'), false)
  t.equal(log.enabled('error'), true)
  const all = () => {
    log.debug({}, 'd')
    log.info({}, 'i')
    log.warn({}, 'w')
    log.error({}, 'e')
    return stream
      .records()
      .splice(0)
      .map((record) => record['msg'])
  }
  t.strictSame(all(), ['w', 'e'])
  stream.lines.length = 0
  log.level = 'debug'
  t.strictSame(all(), ['d', 'i', 'w', 'e'])
  stream.lines.length = 0
  log.level = 'silent'
  t.strictSame(all(), [])
})

t.test('an error is its message and code, never its stack', async (t) => {
  const stream = new MemoryStream()
  const log = createLogger({ service: 'shop', stream })
  log.error({ err: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) }, 'a')
  log.error({ err: new Error('broken') }, 'b')
  log.error({ err: 'thrown text' }, 'c')
  t.strictSame(
    stream.records().map((record) => record['err']),
    [{ message: 'refused', code: 'ECONNREFUSED' }, { message: 'broken' }, 'thrown text'],
  )
})

t.test('line feeds in what a peer sent do not make a line', async (t) => {
  const stream = new MemoryStream()
  createLogger({ service: 'shop', stream }).warn({ path: '/a\n{"level":"error"}' }, 'x\ny')
  t.equal(stream.records()[0]!['path'], '/a\n{"level":"error"}')
})

t.test('flush reaches the stream', async (t) => {
  const stream = new MemoryStream()
  createLogger({ service: 'shop', stream }).flush()
  t.equal(stream.flushed, 1)
})

t.test('a process that exits at once has written its lines to standard error', async (t) => {
  const url = new URL('../../../proxy/telemetry/log.ts', import.meta.url)
  const program = `
    const { createLogger } = await import(${JSON.stringify(url.href)})
    const log = createLogger({ service: 'shop' })
    for (let i = 0; i < 100; i++) log.error({ i }, 'last words')
    process.exit(3)`
  const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', program])
  let errors = ''
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk
  })
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
  })
  const [code] = await once(child, 'close')
  t.equal(code, 3)
  t.equal(output, '')
  const written = errors
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { i: number }).i)
  // What was being written in the background when the process ended may land behind the rest.
  t.strictSame(
    written.sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
  )
})
