import { SeededRandom } from '../../proxy/base/random.ts'
import { mutate } from './mutations.ts'
import { gist, type Target } from './target.ts'

/** Inputs kept in memory at most. */
const MAX_KEPT = 4000

export interface Finding {
  readonly input: Buffer
  readonly error: Error
}

/**
 * Feeds a target with changed copies of what it has seen, and keeps those copies that made it do something new. The same
 * seed does the same, input by input.
 */
export class Fuzzer {
  executions = 0
  /** Different things that the target has done. */
  readonly seen = new Set<string>()
  readonly kept: Buffer[] = []
  readonly #target: Target
  readonly #random: SeededRandom
  #starting: Buffer[]
  #new = false
  /** Called before each execution, so that another thread knows the input when it does not end. */
  onInput: (input: Buffer) => void = () => {}

  constructor(target: Target, seed: number, corpus: readonly Buffer[]) {
    this.#target = target
    this.#random = new SeededRandom(seed)
    this.#starting = [...target.seeds(), ...corpus, Buffer.alloc(0)]
  }

  readonly #note = (what: string): void => {
    if (this.seen.has(what)) return
    this.seen.add(what)
    this.#new = true
  }

  readonly #pick = (count: number): number => Math.floor(this.#random.next() * count)

  /** Executes the target once. */
  step(): Finding | null {
    const start = this.#starting.pop()
    const input = start ?? this.#next()
    this.#new = false
    const error = this.#execute(input)
    if (error !== null) return { input, error }
    if ((this.#new || start !== undefined) && this.kept.length < MAX_KEPT) this.kept.push(input)
    return null
  }

  #execute(input: Buffer): Error | null {
    this.executions += 1
    this.onInput(input)
    return failure(this.#target, input, this.#note)
  }

  #next(): Buffer {
    const { maxBytes, dictionary, mutate: mutateForm } = this.#target
    // What was found last is tried most.
    const position = Math.floor(this.kept.length * Math.sqrt(this.#random.next()))
    let input = this.kept[position] ?? Buffer.alloc(0)
    if (mutateForm !== null && this.#pick(4) > 0) {
      for (let n = 1 + this.#pick(3); n > 0; n--) input = mutateForm(input, this.#pick)
      if (this.#pick(2) === 0) return input.subarray(0, maxBytes)
    }
    return mutate(input, this.kept, dictionary, this.#pick).subarray(0, maxBytes)
  }
}

/** What `target` throws on `input`, or null. */
export function failure(
  target: Target,
  input: Buffer,
  note: (what: string) => void = () => {},
): Error | null {
  try {
    // A target may not rely on its input staying as it is.
    target.run(Buffer.from(input), note)
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Makes an input that fails as small and plain as it gets while it fails for the same reason. */
export function minimise(target: Target, input: Buffer, budget = 4000): Buffer {
  const error = failure(target, input)
  if (error === null) return input
  const reason = gist(error.message)
  let best = input
  const better = (candidate: Buffer): boolean => {
    if (budget-- <= 0) return false
    const again = failure(target, candidate)
    if (again === null || gist(again.message) !== reason) return false
    best = candidate
    return true
  }
  for (let size = best.length >>> 1; size >= 1; size >>>= 1) {
    for (let at = 0; at < best.length; ) {
      if (!better(Buffer.concat([best.subarray(0, at), best.subarray(at + size)]))) at += size
    }
  }
  for (let at = 0; at < best.length; at++) {
    for (const plain of [0, 0x61]) {
      if (best[at] === plain) break
      const candidate = Buffer.from(best)
      candidate[at] = plain
      if (better(candidate)) break
    }
  }
  return best
}
