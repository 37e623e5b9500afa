import type { LoadGenerator, LoadResult, Target } from './load/load.ts'
import { coreTime, cpuSeconds, peakResidentBytes } from './usage.ts'

/** One proxy, one scenario, one round. */
export interface Measurement extends LoadResult {
  /** CPU time of the proxy's processes per request, in microseconds. */
  readonly cpuMicros: number
  /** Peak resident memory of the proxy's processes so far, in bytes. */
  readonly residentBytes: number
  /** Shares of the measured time, 0 to 1: the cores busy, taken by the hypervisor, or busy with others' work. */
  readonly proxyCore: number
  readonly loadCore: number
  readonly stolen: number
  readonly foreign: number
}

export interface Cores {
  readonly proxy: number
  readonly load: number
}

interface Sample {
  readonly at: number
  readonly cpu: number
  readonly proxyBusy: number
  readonly loadBusy: number
  readonly stolen: number
}

/** Puts load on a proxy and reads what it costs. `pid` is null when the load goes straight to the upstream. */
export async function measure(
  generator: LoadGenerator,
  target: Target,
  pid: number | null,
  cores: Cores,
): Promise<Measurement> {
  const sample = (): Sample => {
    const proxy = coreTime(cores.proxy)
    const load = coreTime(cores.load)
    return {
      at: performance.now() / 1000,
      cpu: pid === null ? 0 : cpuSeconds(pid),
      proxyBusy: proxy.busy,
      loadBusy: load.busy,
      stolen: proxy.stolen + load.stolen,
    }
  }
  let begin: Sample | null = null
  let end: Sample | null = null
  const result = await generator.run(target, {
    begin: () => {
      begin = sample()
    },
    end: () => {
      end = sample()
    },
  })
  if (begin === null || end === null) throw new Error(`${generator.command} did not say when it measured`)
  return {
    ...result,
    ...difference(begin, end, result.requestsPerSecond),
    residentBytes: pid === null ? 0 : peakResidentBytes(pid),
  }
}

function difference(begin: Sample, end: Sample, requestsPerSecond: number) {
  const seconds = end.at - begin.at
  const cpu = end.cpu - begin.cpu
  const share = (value: number) => Math.min(1, Math.max(0, value / seconds))
  return {
    cpuMicros: (cpu / (requestsPerSecond * seconds)) * 1e6,
    proxyCore: share(end.proxyBusy - begin.proxyBusy),
    loadCore: share(end.loadBusy - begin.loadBusy),
    stolen: share((end.stolen - begin.stolen) / 2),
    foreign: share(end.proxyBusy - begin.proxyBusy - cpu),
  }
}
