import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PinnedProcess } from '../process.ts'
import type { LoadGenerator, LoadResult, Observer, Target } from './load.ts'
import { varyingQueries } from './request-list.ts'

/** h2load does not end when a connection is still in its handshake after the warm-up. */
const WARM_UP_MS = 1000
const WARM_UP_MS_PER_CONNECTION = 4
/** The extra run for latencies: h2load gives percentiles only through a log line per request, which costs it speed. */
const LATENCY_RUN_SECONDS = 1
const VARYING_REQUESTS = 10_000
/** One suite for all: left to the servers' preferences, some would encrypt with twice the rounds. */
const CIPHER_SUITE = 'TLS_AES_128_GCM_SHA256'
/** How long h2load may take for its summary. */
const END_MS = 3_000
/** The requests of a run by count, per second asked for, and the time that it gets. */
const COUNT_PER_SECOND = 10_000
const COUNT_LIMIT_MS = 60_000
const HANG_MS = 10_000

export const h2load: LoadGenerator = {
  command: 'h2load',
  debianPackage: 'nghttp2-client',
  async run(target, observer) {
    if (target.attempt > 1) return measureByCount(target, observer)
    const throughput = await measure(target, observer)
    const latency = await latencies(target)
    return {
      requestsPerSecond: throughput.requestsPerSecond,
      p50: latency.p50,
      p99: latency.p99,
      failed: throughput.failed + latency.failed,
      failure: [throughput.failure, latency.failure].filter((text) => text !== '').join('; '),
    }
  },
}

async function measure(target: Target, observer: Observer): Promise<H2loadSummary> {
  const output = await h2loadOutput(
    target,
    timeLimit(target, target.seconds),
    duration(target, target.seconds),
    (line) => {
      if (line.startsWith('Main benchmark duration is started')) observer.begin()
      if (line.startsWith('Main benchmark duration is over')) observer.end()
    },
  )
  return parseSummary(output, target.scenario.bodyBytes)
}

/**
 * The way around h2load not ending when connections are still in their handshake after the warm-up: a number of
 * requests, of which the part from 20 to 90 % is measured. Rate and latencies come from the one run with its log.
 */
async function measureByCount(target: Target, observer: Observer): Promise<LoadResult> {
  const count = target.seconds * COUNT_PER_SECOND
  const log = join(target.folder, 'h2load.log')
  writeFileSync(log, '')
  let begin = 0
  let end = 0
  const args = [`--requests=${count}`, `--log-file=${log}`]
  const output = await h2loadOutput(target, COUNT_LIMIT_MS, args, (line) => {
    if (line === 'progress: 20% done') {
      begin = performance.now()
      observer.begin()
    }
    if (line === 'progress: 90% done') {
      end = performance.now()
      observer.end()
    }
  })
  const { failed, failure } = parseSummary(output, target.scenario.bodyBytes)
  const requestsPerSecond = (count * 0.7) / ((end - begin) / 1000)
  return { requestsPerSecond, ...(await readLog(log)), failed, failure }
}

export type H2loadSummary = Pick<LoadResult, 'requestsPerSecond' | 'failed' | 'failure'>

/**
 * Reads requests per second and failures from h2load's summary. Statuses other than 2xx count as failures, and so does
 * a run without any success, or with less data than successes times `bodyBytes`. Throws when the summary has another form.
 */
export function parseSummary(output: string, bodyBytes: number): H2loadSummary {
  const rate = /^finished in .*?, ([\d.]+) req\/s/m.exec(output)
  const counts = /(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(output)
  const statuses = /^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/m.exec(output)
  const data = /^traffic: .* \((\d+)\) data$/m.exec(output)
  if (rate === null || counts === null || statuses === null || data === null) {
    throw new Error(`h2load printed no summary: ${output.trim().split('\n').slice(-3).join(' | ')}`)
  }
  // "errored" is part of "failed", and so are statuses other than 2xx of requests whose stream ended well.
  const [, done = 0, succeeded = 0, failed = 0, , timedOut = 0] = counts.map(Number)
  const [, , redirects = 0, clientErrors = 0, serverErrors = 0] = statuses.map(Number)
  const other = redirects + clientErrors + serverErrors
  const bad = Math.max(failed + timedOut, done - succeeded, other)
  const requestsPerSecond = Number(rate[1])
  if (succeeded === 0)
    return { requestsPerSecond, failed: Math.max(1, bad), failure: `no request of ${done} succeeded` }
  // The data of the warm-up is in the total too, so this finds only bodies that are short as a rule.
  if (Number(data[1]) < succeeded * bodyBytes) {
    return { requestsPerSecond, failed: Math.max(1, bad), failure: `bodies are shorter than ${bodyBytes} B` }
  }
  const failure = bad === 0 ? '' : `${bad} of ${done} requests failed, ${other} with a status other than 2xx`
  return { requestsPerSecond, failed: bad, failure }
}

async function latencies(target: Target): Promise<Pick<LoadResult, 'p50' | 'p99' | 'failed' | 'failure'>> {
  const log = join(target.folder, 'h2load.log')
  writeFileSync(log, '')
  const args = [...duration(target, LATENCY_RUN_SECONDS), `--log-file=${log}`]
  const output = await h2loadOutput(target, timeLimit(target, LATENCY_RUN_SECONDS), args, () => {})
  const { failed, failure } = parseSummary(output, target.scenario.bodyBytes)
  return { ...(await readLog(log)), failed, failure }
}

/** Percentiles in milliseconds of the requests that were answered 200 and started in the last second of the log. */
async function readLog(log: string): Promise<Pick<LoadResult, 'p50' | 'p99'>> {
  const starts: number[] = []
  const durations: number[] = []
  // Columns: start time in microseconds, status, duration in microseconds.
  for await (const line of createInterface({ input: createReadStream(log) })) {
    const [start, status, duration] = line.split('\t')
    if (status !== '200') continue
    starts.push(Number(start))
    durations.push(Number(duration))
  }
  // The log has the warm-up too, with its handshakes.
  const from = starts.reduce((last, start) => Math.max(last, start), 0) - LATENCY_RUN_SECONDS * 1e6
  const sorted = Float64Array.from(durations.filter((_, i) => (starts[i] as number) >= from)).sort()
  return { p50: percentile(sorted, 0.5) / 1000, p99: percentile(sorted, 0.99) / 1000 }
}

/** Nearest rank. NaN for an empty list. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

function duration(target: Target, seconds: number): string[] {
  return [`--duration=${seconds}s`, `--warm-up-time=${warmUpMs(target)}ms`]
}

function warmUpMs(target: Target): number {
  return WARM_UP_MS + WARM_UP_MS_PER_CONNECTION * target.scenario.connections
}

function timeLimit(target: Target, seconds: number): number {
  return warmUpMs(target) + seconds * 1000 + HANG_MS
}

async function h2loadOutput(
  target: Target,
  limitMs: number,
  extra: readonly string[],
  onLine: (line: string) => void,
): Promise<string> {
  const { scenario } = target
  const base = `${target.tls ? 'https' : 'http'}://127.0.0.1:${target.port}${target.path}`
  const args = ['-t', '1', '-c', String(scenario.connections), '-m', String(scenario.streams)]
  args.push(`--tls13-ciphers=${CIPHER_SUITE}`, ...extra)
  if (scenario.varying) {
    const list = join(target.folder, 'uris.txt')
    writeFileSync(
      list,
      varyingQueries(VARYING_REQUESTS)
        .map((query) => `${base}${query}\n`)
        .join(''),
    )
    args.push('-i', list)
  } else {
    args.push(base)
  }
  let stopped: NodeJS.Timeout | null = null
  const load = PinnedProcess.start('h2load', { command: 'h2load', args }, target.core, {
    keepOutput: true,
    onLine: (line) => {
      onLine(line)
      if (line.startsWith('Stopped all clients')) stopped = setTimeout(() => void load.stop(), END_MS)
    },
  })
  const hang = setTimeout(() => void load.stop(), limitMs)
  const code = await load.end()
  clearTimeout(hang)
  if (stopped !== null) clearTimeout(stopped)
  if (code !== 0)
    throw new Error(`h2load ${code < 0 ? 'did not end in time' : 'failed'}: ${load.lastWords()}`)
  return load.stdout
}
