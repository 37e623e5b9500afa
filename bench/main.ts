import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Arena, type Comparison, GENERATOR, message } from './comparison.ts'
import { makeIdentity } from './identity.ts'
import { HELP, type Options, parseOptions } from './options.ts'
import { coreCount, extendPath, installed, pinSelf, runToEnd, stopAll } from './process.ts'
import type { Competitor } from './proxies/competitor.ts'
import { haproxy } from './proxies/haproxy.ts'
import { nghttpx } from './proxies/nghttpx.ts'
import { nginx } from './proxies/nginx.ts'
import { nodeHttp2 } from './proxies/node-http2.ts'
import { pillion } from './proxies/pillion.ts'
import { formatComparison, toJson } from './report.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'
import { UPSTREAM_TOOL } from './upstream.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PROFILES = join(ROOT, 'bench', 'results')
const PROXY_NAMES = ['pillion', 'haproxy', 'nginx', 'nghttpx', 'node-http2']

const started = performance.now()

function progress(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4)
  process.stderr.write(`${seconds} s  ${text}\n`)
}

async function main(): Promise<number> {
  let options: Options
  try {
    options = parseOptions(process.argv.slice(2), PROXY_NAMES)
  } catch (error) {
    process.stderr.write(`bench: ${message(error)}\n`)
    return 2
  }
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  extendPath()
  requireTool('taskset', 'util-linux')
  requireTool('openssl', 'openssl')
  requireCores(options)
  const scenarios = SCENARIOS.filter((one) => options.scenarios.includes(one.name)).filter(runnable)
  const proxies = await contestants(options)
  if (scenarios.length === 0 || proxies.length === 0) throw new Error('nothing left to run')
  await pinSelf(options.loadCore)

  const folder = mkdtempSync(join(tmpdir(), 'pillion-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const arena = new Arena(
    await makeIdentity(folder),
    folder,
    { ...options, cores: { proxy: options.proxyCore, load: options.loadCore } },
    progress,
  )
  const comparisons: Comparison[] = []
  for (const scenario of scenarios) {
    const comparison = await arena.compare(scenario, proxies)
    comparisons.push(comparison)
    process.stdout.write(`\n${formatComparison(comparison)}\n\n`)
    // Written after each scenario, so that an interrupted run keeps what it has.
    if (options.json !== null) writeFileSync(options.json, toJson(comparisons, machine(options)))
  }
  if (options.profile)
    progress(`CPU profiles are in ${PROFILES}: open them in Chromium's DevTools or a flame graph viewer`)
  return comparisons.some(({ rows }) => rows.some((row) => row.measurements.some((one) => one.failed > 0)))
    ? 1
    : 0
}

/** The proxies to run: those asked for, or those installed. Says what is left out and why. */
async function contestants(options: Options): Promise<Competitor[]> {
  const profileFolder = options.profile ? PROFILES : null
  const all: Competitor[] = [
    pillion({ root: ROOT, name: 'pillion', profileFolder }),
    haproxy,
    nginx,
    nghttpx,
    nodeHttp2,
  ]
  const wanted = all.filter((one) => options.proxies?.includes(one.name) ?? true)
  const chosen = wanted.filter((one) => {
    if (installed(one.command)) return true
    progress(`${one.name}: left out: ${one.command} is not installed (Debian package ${one.debianPackage})`)
    return false
  })
  if (options.base !== null) {
    const at = chosen.findIndex((one) => one.name === 'pillion')
    chosen.splice(
      at + 1,
      0,
      pillion({
        root: resolve(options.base),
        name: 'pillion-base',
        profileFolder: profileFolder === null ? null : join(profileFolder, 'base'),
      }),
    )
  }
  if (options.build && chosen.some((one) => one.name === 'pillion')) {
    progress('building Pillion')
    try {
      await runToEnd('npm', ['run', '--silent', 'build'], ROOT)
    } catch (error) {
      progress(`pillion: the build failed, what it left in dist is run if it starts: ${message(error)}`)
    }
  }
  return chosen
}

/** Whether load generator and upstream of a scenario are installed; says which package is missing. */
function runnable(scenario: Scenario): boolean {
  for (const tool of [GENERATOR[scenario.protocol], UPSTREAM_TOOL[scenario.protocol]]) {
    if (installed(tool.command)) continue
    progress(
      `${scenario.name}: left out: ${tool.command} is not installed (Debian package ${tool.debianPackage})`,
    )
    return false
  }
  return true
}

function requireTool(command: string, debianPackage: string): void {
  if (!installed(command)) throw new Error(`${command} is not installed (Debian package ${debianPackage})`)
}

function requireCores(options: Options): void {
  const cores = coreCount()
  for (const [option, core] of [
    ['--proxy-core', options.proxyCore],
    ['--load-core', options.loadCore],
  ] as const) {
    if (core >= cores)
      throw new Error(`${option}: core ${core} does not exist: this machine has ${cores}, counted from 0`)
  }
  if (options.proxyCore === options.loadCore)
    progress('proxy and load share one core: compare CPU per request only')
}

function machine(options: Options): Record<string, unknown> {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: coreCount(),
    node: process.version,
    rounds: options.rounds,
    seconds: options.seconds,
  }
}

let ending = false

async function finish(code: number): Promise<void> {
  if (ending) return
  ending = true
  await stopAll()
  process.exit(code)
}

process.on('SIGINT', () => void finish(130))
process.on('SIGTERM', () => void finish(143))
process.on('uncaughtException', (error) => {
  process.stderr.write(`bench: ${message(error)}\n`)
  void finish(1)
})
main().then(
  (code) => finish(code),
  (error: unknown) => {
    process.stderr.write(`bench: ${message(error)}\n`)
    return finish(1)
  },
)
