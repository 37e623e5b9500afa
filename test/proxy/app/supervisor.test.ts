import t, { type Test } from 'tap'
import type { AppConfig, AppRestartConfig } from '../../../config/types/app.ts'
import type { AppExit, AppProcess, AppProcessOwner } from '../../../proxy/app/app-process.ts'
import { Supervisor } from '../../../proxy/app/supervisor.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { AppStats } from '../../../proxy/telemetry/app-stats.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const CHECK = {
  probe: { kind: 'tcp' },
  interval: 2000,
  idleInterval: 2000,
  timeout: 1000,
  unhealthyAfter: 3,
  healthyAfter: 1,
  jitter: 0,
} as const

/** Nobody listens there. */
const NOWHERE = { host: '127.0.0.1', port: 1, text: '127.0.0.1:1' }

interface Changes {
  readonly restart?: Partial<AppRestartConfig>
  readonly ready?: AppConfig['ready']
  readonly grace?: number
}

/** A supervisor whose processes exist on paper, in virtual time. */
class Bench {
  readonly clock = new VirtualClock()
  readonly stats = new AppStats()
  readonly lines: string[] = []
  /** Exit codes that it ended with. */
  readonly ended: number[] = []
  /** Signals that the processes got, by process. */
  readonly signals: NodeJS.Signals[][] = []
  readonly supervisor: Supervisor
  #process: { readonly self: AppProcess; readonly owner: AppProcessOwner } | null = null

  constructor(t: Test, { restart = {}, ready = null, grace = 10_000 }: Changes = {}) {
    const line = (_: unknown, msg: string) => this.lines.push(msg)
    this.supervisor = new Supervisor({
      config: {
        command: ['app'],
        cwd: null,
        env: {},
        ready,
        live: null,
        stop: { signal: 'SIGINT', grace },
        restart: {
          policy: 'on-failure',
          backOff: { from: 1000, to: 30_000, jitter: 0 },
          limit: { restarts: 5, within: 60_000 },
          onCrashLoop: 'exit',
          ...restart,
        },
      },
      runtime: { clock: this.clock, wheel: this.clock.timers, random: new SeededRandom(1) },
      stats: this.stats,
      log: { debug: line, info: line, warn: line, error: line },
      env: () => ({}),
      ended: (code) => this.ended.push(code),
      launch: (_, owner) => {
        const got: NodeJS.Signals[] = []
        this.signals.push(got)
        const self = { pid: this.signals.length, signal: (name: NodeJS.Signals) => got.push(name) }
        this.#process = { self: self as unknown as AppProcess, owner }
        return this.#process.self
      },
    })
    t.teardown(() => {
      this.supervisor.close()
      if (this.clock.timers.armed > 0) throw new Error('a deadline is left')
    })
  }

  /** Processes started so far. */
  get started(): number {
    return this.signals.length
  }

  spawned(): void {
    this.#process?.owner.spawned(this.#process.self)
  }

  exit(exit: Partial<AppExit>): void {
    const process = this.#process
    this.#process = null
    process?.owner.exited(process.self, { code: null, signal: null, error: null, ...exit })
  }
}

t.test('a crash is followed by a restart, later each time', async (t) => {
  const bench = new Bench(t)
  const { supervisor, clock, stats } = bench
  t.match(supervisor.problem(), /not started yet/)
  supervisor.start()
  t.match(supervisor.problem(), /is starting/)
  t.equal(stats.startedAt, clock.wall())
  bench.spawned()
  t.equal(supervisor.problem(), null, 'without a check it is ready when it runs')
  t.equal(stats.up, true)
  for (const [wait, count] of [
    [1000, 1],
    [2000, 2],
    [4000, 3],
  ] as const) {
    bench.exit({ code: 1 })
    t.equal(stats.up, false)
    t.match(supervisor.problem(), 'ended with exit code 1 and is about to be started again')
    clock.advance(wait - 20)
    t.equal(bench.started, count)
    t.equal(stats.restarts.exit.value, count - 1)
    clock.advance(40)
    t.equal(bench.started, count + 1)
    t.equal(stats.restarts.exit.value, count)
    bench.spawned()
  }
  t.match(supervisor.view(), { state: 'ready', pid: 4, restarts: 3, lastExit: 'ended with exit code 1' })
  t.strictSame(bench.ended, [])
})

t.test('what cannot be started is tried again too', async (t) => {
  const bench = new Bench(t)
  bench.supervisor.start()
  bench.exit({ error: Object.assign(new Error('x'), { code: 'EAGAIN' }) })
  bench.clock.advance(1020)
  t.equal(bench.started, 2)
  t.equal(bench.stats.restarts.start.value, 1)
})

t.test('a crash loop ends with the last exit code', async (t) => {
  const bench = new Bench(t, { restart: { limit: { restarts: 2, within: 60_000 } } })
  bench.supervisor.start()
  for (const code of [1, 2, 3]) {
    bench.spawned()
    bench.exit({ code })
    bench.clock.advance(5000)
  }
  t.strictSame(bench.ended, [3])
  t.equal(bench.started, 3)
  t.ok(bench.lines.some((line) => /crash loop: 2 restarts within 60 s/.test(line)))
})

t.test('a crash loop that is kept', async (t) => {
  const bench = new Bench(t, { restart: { limit: { restarts: 1, within: 60_000 }, onCrashLoop: 'keep' } })
  bench.supervisor.start()
  bench.spawned()
  bench.exit({ code: 1 })
  bench.clock.advance(1020)
  bench.spawned()
  bench.exit({ signal: 'SIGSEGV' })
  bench.clock.advance(600_000)
  t.strictSame([bench.ended, bench.started], [[], 2])
  t.match(bench.supervisor.problem(), 'was ended by SIGSEGV, too often to be started again')
  await bench.supervisor.stop(1000)
})

t.test('crashes that are far enough apart are no loop', async (t) => {
  const bench = new Bench(t, { restart: { limit: { restarts: 2, within: 60_000 } } })
  bench.supervisor.start()
  for (let i = 0; i < 20; i++) {
    bench.spawned()
    bench.clock.advance(61_000)
    bench.exit({ code: 1 })
    bench.clock.advance(1020)
  }
  t.equal(bench.started, 21, 'and as it ran that long, each wait is the first')
  t.strictSame(bench.ended, [])
})

t.test('an orderly end is passed on', async (t) => {
  const bench = new Bench(t)
  bench.supervisor.start()
  bench.spawned()
  bench.exit({ code: 0 })
  t.strictSame(bench.ended, [0])
})

t.test('stopped: its signal, and nothing else when it ends', async (t) => {
  const bench = new Bench(t)
  bench.supervisor.start()
  bench.spawned()
  const stopped = bench.supervisor.stop(20_000)
  t.strictSame(bench.signals, [['SIGINT']])
  t.match(bench.supervisor.problem(), /being stopped/)
  bench.clock.advance(9000)
  bench.exit({ code: 1 })
  await stopped
  bench.clock.advance(600_000)
  t.strictSame(bench.signals, [['SIGINT']], 'not killed, and not started again')
  t.strictSame(bench.ended, [], 'whoever stopped it knows')
})

t.test('stopped: killed when its grace is over, or what is left of that of the sidecar', async (t) => {
  for (const [ms, grace, due] of [
    [20_000, 10_000, 10_000],
    [3000, 10_000, 3000],
    [0, 10_000, 0],
  ] as const) {
    const bench = new Bench(t, { grace })
    bench.supervisor.start()
    bench.spawned()
    const stopped = bench.supervisor.stop(ms)
    if (due > 0) {
      bench.clock.advance(due - 20)
      t.strictSame(bench.signals, [['SIGINT']])
    }
    bench.clock.advance(40)
    t.strictSame(bench.signals, [['SIGINT', 'SIGKILL']])
    bench.exit({ signal: 'SIGKILL' })
    await stopped
  }
})

t.test('stopped: one that survives SIGKILL in the kernel does not hold up the end', async (t) => {
  const bench = new Bench(t, { grace: 100 })
  bench.supervisor.start()
  bench.spawned()
  const stopped = bench.supervisor.stop(20_000)
  bench.clock.advance(1200)
  await stopped
  t.ok(bench.lines.some((line) => /still there after SIGKILL/.test(line)))
})

t.test('stopped while it waits to be started again: it is not', async (t) => {
  const bench = new Bench(t)
  bench.supervisor.start()
  bench.spawned()
  bench.exit({ code: 1 })
  await bench.supervisor.stop(1000)
  bench.clock.advance(60_000)
  t.equal(bench.started, 1)
})

t.test('retired: it goes on, and its end is the last one', async (t) => {
  const bench = new Bench(t)
  bench.supervisor.start()
  bench.spawned()
  bench.supervisor.retire()
  t.equal(bench.supervisor.problem(), null)
  bench.exit({ code: 1 })
  bench.clock.advance(60_000)
  t.equal(bench.started, 1)
  await bench.supervisor.stop(1000)
})

t.test('not ready in time: stopped, killed, and started again', async (t) => {
  const bench = new Bench(t, { ready: { address: NOWHERE, check: CHECK, within: 8000 }, grace: 500 })
  bench.supervisor.start()
  bench.spawned()
  t.match(bench.supervisor.problem(), /is starting/)
  bench.clock.advance(7900)
  t.strictSame(bench.signals, [[]])
  bench.clock.advance(200)
  t.strictSame(bench.signals, [['SIGINT']])
  t.ok(bench.lines.some((line) => /not ready after 8 s: .*: it is stopped$/.test(line)))
  bench.clock.advance(520)
  t.strictSame(bench.signals, [['SIGINT', 'SIGKILL']])
  bench.exit({ signal: 'SIGKILL' })
  bench.clock.advance(1020)
  t.equal(bench.started, 2)
  t.equal(bench.stats.restarts.ready.value, 1)
})

t.test('not ready in time: a stall of ours does not count', async (t) => {
  const bench = new Bench(t, { ready: { address: NOWHERE, check: CHECK, within: 8000 } })
  bench.supervisor.start()
  bench.spawned()
  bench.clock.jump(60_000)
  t.strictSame(bench.signals, [[]])
})

t.test('stopped while it is stopped for a failure: the time that is left counts', async (t) => {
  const bench = new Bench(t, { ready: { address: NOWHERE, check: CHECK, within: 80 }, grace: 10_000 })
  bench.supervisor.start()
  bench.spawned()
  bench.clock.advance(200)
  t.strictSame(bench.signals, [['SIGINT']])
  const stopped = bench.supervisor.stop(1000)
  bench.clock.advance(1020)
  t.strictSame(bench.signals, [['SIGINT', 'SIGKILL']], 'asked once')
  bench.exit({ signal: 'SIGKILL' })
  await stopped
  t.equal(bench.started, 1)
})

t.test('closed: killed at once', async (t) => {
  const bench = new Bench(t)
  bench.supervisor.start()
  bench.spawned()
  bench.supervisor.close()
  t.strictSame(bench.signals, [['SIGKILL']])
})
