import type { Endpoint } from '../../proxy/balance/endpoint.ts'
import type { Watcher } from './mesh.ts'

/** What share of all requests one endpoint gets, window by window. */
export class ShareOverTime implements Watcher {
  readonly #address: string
  readonly #from: number
  readonly #window: number
  readonly #all: number[]
  readonly #own: number[]

  /** `windows` of `seconds` each, the first of which begins `from` seconds after the start. */
  constructor(address: string, from: number, seconds: number, windows: number) {
    this.#address = address
    this.#from = 1000 * from
    this.#window = 1000 * seconds
    this.#all = new Array<number>(windows).fill(0)
    this.#own = new Array<number>(windows).fill(0)
  }

  /** 0 to 1. */
  get shares(): number[] {
    return this.#own.map((own, i) => own / Math.max(1, this.#all[i] as number))
  }

  sent(endpoint: Endpoint, now: number): void {
    const window = Math.floor((now - this.#from) / this.#window)
    if (window < 0 || window >= this.#all.length) return
    this.#all[window] = (this.#all[window] as number) + 1
    if (endpoint.address === this.#address) this.#own[window] = (this.#own[window] as number) + 1
  }
}
