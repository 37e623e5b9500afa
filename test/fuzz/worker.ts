import { parentPort, workerData } from 'node:worker_threads'
import { readCorpus } from './corpus.ts'
import { Fuzzer, minimise } from './fuzzer.ts'
import { TARGETS } from './targets.ts'

/** What the main thread hands over. `shared`: executions, length of the input, the input itself. */
export interface Task {
  readonly target: string
  readonly seed: number
  readonly runs: number
  readonly shared: SharedArrayBuffer
}

export type Message =
  | { readonly kind: 'minimising' }
  | { readonly kind: 'progress'; readonly kept: number; readonly seen: number }
  | { readonly kind: 'finding'; readonly input: Uint8Array; readonly stack: string }
  | { readonly kind: 'done' }

/** Bytes before the input in the shared memory. */
export const HEADER = 8
/** Executions between two looks at whether to tell of the progress. */
const BATCH = 50

if (parentPort !== null) await work(workerData as Task, (message) => parentPort?.postMessage(message))

async function work(
  { target: name, seed, runs, shared }: Task,
  tell: (message: Message) => void,
): Promise<void> {
  const target = TARGETS.find((each) => each.name === name)
  if (target === undefined) throw new Error(`no target ${name}`)
  const counters = new Int32Array(shared, 0, 2)
  const bytes = Buffer.from(shared, HEADER)
  const fuzzer = new Fuzzer(target, seed, readCorpus(name))
  fuzzer.onInput = (input) => {
    counters[1] = input.copy(bytes)
    Atomics.store(counters, 0, fuzzer.executions)
  }
  for (let told = 0; fuzzer.executions < runs; ) {
    for (let n = 0; n < BATCH && fuzzer.executions < runs; n++) {
      const finding = fuzzer.step()
      if (finding === null) continue
      tell({ kind: 'minimising' })
      const input = minimise(target, finding.input)
      tell({ kind: 'finding', input, stack: finding.error.stack ?? finding.error.message })
      return
    }
    if (performance.now() - told > 500) {
      told = performance.now()
      tell({ kind: 'progress', kept: fuzzer.kept.length, seen: fuzzer.seen.size })
      // Timers that the code under test let go of are cleared in between.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  tell({ kind: 'progress', kept: fuzzer.kept.length, seen: fuzzer.seen.size })
  tell({ kind: 'done' })
}
