import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Identity } from './identity.ts'
import { h2load } from './load/h2load.ts'
import type { LoadGenerator } from './load/load.ts'
import { wrk } from './load/wrk.ts'
import { type Cores, type Measurement, measure } from './measurement.ts'
import { checkAddedHeaders, startEcho } from './preflight.ts'
import { freePort, PinnedProcess } from './process.ts'
import type { Competitor } from './proxies/competitor.ts'
import type { Protocol, Scenario } from './scenarios.ts'
import { bodyPath, startUpstream, type Upstream } from './upstream.ts'
import { quietCores } from './usage.ts'

export const GENERATOR: Readonly<Record<Protocol, LoadGenerator>> = { h2: h2load, http1: wrk }

/** Visits of a proxy in one round whose load generator fails. */
const ATTEMPTS = 2

export interface ComparisonOptions {
  readonly rounds: number
  readonly seconds: number
  readonly cores: Cores
  /** Also put the load straight on the upstream: the most that load generator and upstream can do. */
  readonly checkBalance: boolean
  /** Before each visit, wait up to this many seconds until both cores are idle; 0 for no wait. */
  readonly quiet: number
}

/** What came out for one proxy. */
export interface Row {
  readonly name: string
  /** One per round. */
  readonly measurements: Measurement[]
  readonly notes: string[]
  /** Why it was left out or given up, or null. */
  error: string | null
}

export interface Comparison {
  readonly scenario: Scenario
  readonly rows: Row[]
  readonly direct: Row | null
}

export type Progress = (text: string) => void

interface Contestant {
  readonly row: Row
  readonly process: PinnedProcess
  readonly port: number
}

/** Runs comparisons; remembers which proxies were found fit for which protocol. */
export class Arena {
  readonly #identity: Identity
  readonly #folder: string
  readonly #options: ComparisonOptions
  readonly #progress: Progress
  /** Key: protocol and name. Value: what is wrong, or null. */
  readonly #fitness: Map<string, string | null>
  #folders: number

  constructor(identity: Identity, folder: string, options: ComparisonOptions, progress: Progress) {
    this.#identity = identity
    this.#folder = folder
    this.#options = options
    this.#progress = progress
    this.#fitness = new Map()
    this.#folders = 0
  }

  /** One scenario for all proxies: every round visits each proxy once, starting from another one each time. */
  async compare(scenario: Scenario, proxies: readonly Competitor[]): Promise<Comparison> {
    const { rounds, cores } = this.#options
    const upstream = await startUpstream(scenario.protocol, scenario.bodyBytes, this.#newFolder(), cores.load)
    const rows: Row[] = []
    const contestants: Contestant[] = []
    try {
      for (const proxy of proxies) {
        const row: Row = { name: proxy.name, measurements: [], notes: [], error: null }
        rows.push(row)
        const contestant = await this.#enter(proxy, scenario, upstream, row)
        if (contestant !== null) contestants.push(contestant)
      }
      const direct: Row | null = this.#options.checkBalance
        ? { name: 'direct', measurements: [], notes: [], error: null }
        : null
      for (let round = 0; round < rounds; round++) {
        if (direct !== null) await this.#visit(scenario, round, direct, upstream.port, null)
        for (let i = 0; i < contestants.length; i++) {
          const { row, process, port } = contestants[(i + round) % contestants.length] as Contestant
          if (row.error === null) await this.#visit(scenario, round, row, port, process)
        }
      }
      return { scenario, rows, direct }
    } finally {
      await Promise.all(contestants.map((one) => one.process.stop()))
      await upstream.process.stop()
    }
  }

  async #enter(
    proxy: Competitor,
    scenario: Scenario,
    upstream: Upstream,
    row: Row,
  ): Promise<Contestant | null> {
    row.error = await this.#check(proxy, scenario.protocol)
    if (row.error !== null) return null
    try {
      return await this.#start(proxy, scenario.protocol, upstream.port, row, false)
    } catch (error) {
      row.error = `left out: ${message(error)}`
      this.#progress(`${proxy.name}: ${row.error}`)
      return null
    }
  }

  async #start(
    proxy: Competitor,
    protocol: Protocol,
    upstreamPort: number,
    row: Row,
    rehearsal: boolean,
  ): Promise<Contestant> {
    const port = await freePort()
    const folder = this.#newFolder()
    const setup = { protocol, listenPort: port, upstreamPort, identity: this.#identity, rehearsal, folder }
    const launch = await proxy.launch(setup)
    if (launch.note !== undefined) row.notes.push(launch.note)
    const process = PinnedProcess.start(proxy.name, launch, this.#options.cores.proxy)
    try {
      await process.listening(port)
    } catch (error) {
      await process.stop()
      throw error
    }
    return { row, process, port }
  }

  /** Holds a proxy to the rules of the comparison once per protocol; returns what is wrong, or null. */
  async #check(proxy: Competitor, protocol: Protocol): Promise<string | null> {
    const key = `${protocol} ${proxy.name}`
    const known = this.#fitness.get(key)
    if (known !== undefined) return known
    let wrong: string | null = null
    const echo = await startEcho(protocol)
    let contestant: Contestant | null = null
    try {
      const row: Row = { name: proxy.name, measurements: [], notes: [], error: null }
      contestant = await this.#start(proxy, protocol, echo.port, row, true)
      await checkAddedHeaders(protocol, contestant.port, this.#identity, proxy.uniqueRequestId)
    } catch (error) {
      wrong = `left out: ${message(error)}`
      this.#progress(`${proxy.name} for ${protocol}: ${wrong}`)
    } finally {
      await contestant?.process.stop()
      await echo.close()
    }
    this.#fitness.set(key, wrong)
    return wrong
  }

  async #visit(
    scenario: Scenario,
    round: number,
    row: Row,
    port: number,
    process: PinnedProcess | null,
  ): Promise<void> {
    const target = {
      scenario,
      port,
      tls: scenario.protocol === 'h2' && process !== null,
      path: bodyPath(scenario.bodyBytes),
      seconds: this.#options.seconds,
      core: this.#options.cores.load,
      folder: this.#folder,
    }
    const place = `${scenario.name} round ${round + 1}/${this.#options.rounds} ${row.name}`
    const { cores, quiet } = this.#options
    if (quiet > 0 && !(await quietCores([cores.proxy, cores.load], quiet))) {
      this.#progress(`${place}: the cores were not idle within ${quiet} s`)
    }
    for (let attempt = 1; ; attempt++) {
      try {
        const pid = process?.pid ?? null
        const generator = GENERATOR[scenario.protocol]
        const result = await measure(generator, { ...target, attempt }, pid, cores)
        if (process?.ended === true) throw new Error('ended while it was measured')
        row.measurements.push(result)
        const rate = Math.round(result.requestsPerSecond).toLocaleString('en')
        this.#progress(
          `${place}: ${result.failure === '' ? `${rate} requests/s` : `INVALID: ${result.failure}`}`,
        )
        return
      } catch (error) {
        // h2load does not end when a connection is still in its handshake at the end, which happens when a proxy neglects
        // handshakes under load.
        if (attempt < ATTEMPTS && process?.ended !== true) {
          this.#progress(`${place}: once more: ${message(error)}`)
          continue
        }
        const ended = process?.ended === true ? `; ${row.name} ended: ${process.lastWords()}` : ''
        row.error = `given up in round ${round + 1}: ${message(error)}${ended}`
        this.#progress(`${place}: ${row.error}`)
        return
      }
    }
  }

  #newFolder(): string {
    this.#folders += 1
    const folder = join(this.#folder, String(this.#folders))
    mkdirSync(folder)
    return folder
  }
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
