import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PinnedProcess } from '../process.ts'
import type { LoadGenerator, LoadResult, Target } from './load.ts'
import { varyingQueries } from './request-list.ts'

const WARM_UP_SECONDS = 1
const VARYING_REQUESTS = 20_000
const HANG_MS = 10_000
const SCRIPT = fileURLToPath(new URL('./wrk.lua', import.meta.url))

export const wrk: LoadGenerator = {
  command: 'wrk',
  debianPackage: 'wrk',
  async run(target, observer) {
    await wrkOutput(target, WARM_UP_SECONDS)
    observer.begin()
    const output = await wrkOutput(target, target.seconds)
    observer.end()
    return parseResult(output)
  },
}

/** Reads the line that wrk.lua prints. Errors of sockets and statuses of 400 and above count as failures. */
export function parseResult(output: string): LoadResult {
  const line = /^result (.*)$/m.exec(output)
  if (line === null)
    throw new Error(`wrk printed no result: ${output.trim().split('\n').slice(-3).join(' | ')}`)
  const values = new Map((line[1] as string).split(' ').map((pair) => pair.split('=') as [string, string]))
  const value = (name: string) => Number(values.get(name) ?? Number.NaN)
  const causes = ['connect', 'read', 'write', 'timeout', 'status'].filter((name) => value(name) > 0)
  const requests = value('requests')
  const failed = causes.reduce((sum, name) => sum + value(name), 0)
  const failure = causes.map((name) => `${value(name)} ${name} errors`).join(', ')
  return {
    requestsPerSecond: requests / (value('micros') / 1e6),
    p50: requests === 0 ? Number.NaN : value('p50') / 1000,
    p99: requests === 0 ? Number.NaN : value('p99') / 1000,
    failed: requests === 0 ? Math.max(1, failed) : failed,
    failure: requests === 0 ? `no request succeeded ${failure}`.trim() : failure,
  }
}

async function wrkOutput(target: Target, seconds: number): Promise<string> {
  const args = ['-t1', `-c${target.scenario.connections}`, `-d${seconds}s`, '--latency', '-s', SCRIPT]
  args.push(`http://127.0.0.1:${target.port}${target.path}`)
  if (target.scenario.varying) {
    const list = join(target.folder, 'queries.txt')
    writeFileSync(list, `${varyingQueries(VARYING_REQUESTS).join('\n')}\n`)
    args.push('--', target.path, list)
  }
  const load = PinnedProcess.start('wrk', { command: 'wrk', args }, target.core, { keepOutput: true })
  const hang = setTimeout(() => void load.stop(), seconds * 1000 + HANG_MS)
  const code = await load.end()
  clearTimeout(hang)
  if (code !== 0) throw new Error(`wrk ${code < 0 ? 'did not end in time' : 'failed'}: ${load.lastWords()}`)
  return load.stdout
}
