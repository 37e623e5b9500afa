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
    return parseResult(output, target.scenario.bodyBytes)
  },
}

/**
 * Reads the line that wrk.lua prints. Errors of sockets and statuses of 400 and above count as failures, and so does
 * less data than requests times `bodyBytes`.
 */
export function parseResult(output: string, bodyBytes: number): LoadResult {
  const line = /^result (.*)$/m.exec(output)
  if (line === null)
    throw new Error(`wrk printed no result: ${output.trim().split('\n').slice(-3).join(' | ')}`)
  const values = new Map((line[1] as string).split(' ').map((pair) => pair.split('=') as [string, string]))
  const value = (name: string) => Number(values.get(name) ?? Number.NaN)
  const kinds = ['connect', 'read', 'write', 'timeout', 'status'].filter((name) => value(name) > 0)
  const requests = value('requests')
  const failed = kinds.reduce((sum, name) => sum + value(name), 0)
  const causes = kinds.map((name) => `${value(name)} ${name} errors`)
  const figures = {
    requestsPerSecond: requests / (value('micros') / 1e6),
    p50: value('p50') / 1000,
    p99: value('p99') / 1000,
  }
  if (requests === 0) {
    const failure = `no request succeeded ${causes.join(', ')}`.trim()
    return { ...figures, p50: Number.NaN, p99: Number.NaN, failed: Math.max(1, failed), failure }
  }
  if (value('bytes') < requests * bodyBytes) {
    return { ...figures, failed: Math.max(1, failed), failure: `bodies are shorter than ${bodyBytes} B` }
  }
  return { ...figures, failed, failure: causes.join(', ') }
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
