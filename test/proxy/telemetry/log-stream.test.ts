import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'

const url = new URL('../../../proxy/telemetry/log-stream.ts', import.meta.url)

function run(program: string): ChildProcess {
  const whole = `const { stderrLogStream } = await import(${JSON.stringify(url.href)})
    const stream = stderrLogStream()
    ${program}`
  return spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', whole])
}

t.test('a reader that does not read costs lines, which are counted, and holds nobody up', async (t) => {
  const child = run(`
    const line = 'x'.repeat(1023) + '\\n'
    for (let i = 0; i < 4096; i++) stream.write(line)
    console.log(JSON.stringify({ dropped: stream.dropped }))`)
  t.teardown(() => child.kill('SIGKILL'))
  // Nobody reads the child's standard error until it has reported.
  const [report] = await once(child.stdout!, 'data')
  const { dropped } = JSON.parse(String(report)) as { dropped: number }
  t.ok(dropped > 1000, `${dropped} of 4 MiB dropped, at most 1 MiB waits`)
  let bytes = 0
  let partial = 0
  let rest = ''
  child.stderr!.setEncoding('latin1').on('data', (chunk: string) => {
    bytes += chunk.length
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line.length !== 1023) partial += 1
  })
  const [code] = await once(child, 'close')
  t.equal(code, 0)
  t.equal(partial, 0, 'lines are whole')
  t.equal(bytes, (4096 - dropped) * 1024, 'what was not dropped was written')
})

t.test('a reader that went away does not end the process', async (t) => {
  const child = run(`
    process.stdin.once('data', () => {
      stream.write('one\\n')
      setImmediate(function again() {
        stream.write('two\\n')
        if (stream.dropped === 0) setImmediate(again)
        else process.stdin.destroy()
      })
    })
    console.log('up')`)
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout!, 'data')
  child.stderr!.destroy()
  child.stdin!.write('go')
  const [code, signal] = await once(child, 'exit')
  t.equal(code, 0)
  t.equal(signal, null)
})
