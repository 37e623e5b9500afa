import type { Sidecar } from './sidecar.ts'

/** Milliseconds between two looks. */
const PERIOD = 20

/** Looks at the memory of sidecars again and again, from its making to `stop`. */
export class MemoryWatch {
  readonly #watched: { readonly sidecar: Sidecar; readonly before: number; peak: number }[]
  readonly #timer: NodeJS.Timeout

  constructor(...sidecars: Sidecar[]) {
    this.#watched = sidecars.map((sidecar) => ({ sidecar, before: sidecar.residentBytes(), peak: 0 }))
    this.#timer = setInterval(() => this.#look(), PERIOD)
  }

  /** How far the memory of each rose above what it was at first, in MiB, by service. */
  stop(): Record<string, number> {
    clearInterval(this.#timer)
    this.#look()
    return Object.fromEntries(
      this.#watched.map(({ sidecar, before, peak }) => [sidecar.service, (peak - before) / 1024 ** 2]),
    )
  }

  #look(): void {
    for (const one of this.#watched) one.peak = Math.max(one.peak, one.sidecar.residentBytes())
  }
}
