import { parseArgs } from 'node:util'
import { SCENARIOS } from './scenarios.ts'

export interface Options {
  readonly scenarios: readonly string[]
  /** Null: whatever is installed. */
  readonly proxies: readonly string[] | null
  readonly rounds: number
  readonly seconds: number
  readonly json: string | null
  readonly profile: boolean
  readonly checkBalance: boolean
  readonly quiet: number
  readonly build: boolean
  readonly base: string | null
  readonly proxyCore: number
  readonly loadCore: number
  readonly help: boolean
}

export const HELP = `Compares Pillion with other proxies on this machine.

npm run bench -- [options]

  --scenario LIST    comma-separated, default all: ${SCENARIOS.map((one) => one.name).join(', ')}
  --proxies LIST     comma-separated, default all that are installed: pillion, haproxy, nginx, nghttpx, node-http2
  --rounds N         times that each proxy is visited, 1 to 100, default 3; medians are quoted
  --seconds N        measured seconds per visit, 1 to 600, default 3
  --json FILE        write every figure to FILE
  --profile          record CPU profiles of Pillion in bench/results; its figures are then a little lower
  --check-balance    also put the load straight on the upstream, to see what load generator and upstream can do
  --quiet N          before each visit, wait up to N seconds, 0 to 3600, until both cores are idle; default 0
  --base DIR         also run the Pillion built in another checkout, as pillion-base
  --no-build         run the Pillion in dist as it is
  --proxy-core N     core of the proxies, default 0
  --load-core N      core of load generator and upstream, default 1
  --help             this text
`

/** Reads the command line. Throws an error that names the option, what is wrong and what would be right. */
export function parseOptions(argv: readonly string[], proxyNames: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      scenario: { type: 'string' },
      proxies: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '3' },
      json: { type: 'string' },
      profile: { type: 'boolean', default: false },
      'check-balance': { type: 'boolean', default: false },
      quiet: { type: 'string', default: '0' },
      'no-build': { type: 'boolean', default: false },
      base: { type: 'string' },
      'proxy-core': { type: 'string', default: '0' },
      'load-core': { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  })
  const scenarioNames = SCENARIOS.map((one) => one.name)
  return {
    scenarios:
      values.scenario === undefined ? scenarioNames : list('--scenario', values.scenario, scenarioNames),
    proxies: values.proxies === undefined ? null : list('--proxies', values.proxies, proxyNames),
    rounds: integer('--rounds', values.rounds, 1, 100),
    seconds: integer('--seconds', values.seconds, 1, 600),
    json: values.json ?? null,
    profile: values.profile,
    checkBalance: values['check-balance'],
    quiet: integer('--quiet', values.quiet, 0, 3600),
    build: !values['no-build'],
    base: values.base ?? null,
    proxyCore: integer('--proxy-core', values['proxy-core'], 0, 1023),
    loadCore: integer('--load-core', values['load-core'], 0, 1023),
    help: values.help,
  }
}

function list(option: string, text: string, known: readonly string[]): string[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))].filter((name) => name !== '')
  if (names.length === 0) throw new Error(`${option}: names nothing; known: ${known.join(', ')}`)
  for (const name of names) {
    if (!known.includes(name)) throw new Error(`${option}: unknown "${name}"; known: ${known.join(', ')}`)
  }
  return names
}

function integer(option: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`${option}: "${text}" is not a whole number from ${min} to ${max}`)
  }
  return value
}
