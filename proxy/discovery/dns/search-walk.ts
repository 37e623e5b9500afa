import type { Nothing } from './address-lookup.ts'
import { candidates, type ResolvConf } from './resolv-conf.ts'

/**
 * Finds which complete name a name stands for, through the search domains. Remembers it: as long as that one has records,
 * or it cannot be told, no other is asked. A failure must not hand requests to a host of a like name elsewhere.
 */
export class SearchWalk {
  readonly #name: string
  #complete = ''

  constructor(name: string) {
    this.#name = name
  }

  async find<F extends { readonly kind: 'found' }>(
    conf: ResolvConf,
    look: (complete: string) => Promise<F | Nothing>,
  ): Promise<F | Nothing> {
    let empty: Nothing | null = null
    let failed: Nothing | null = null
    const before = this.#complete
    const names = candidates(this.#name, conf)
    for (const name of before === '' ? names : [before, ...names.filter((each) => each !== before)]) {
      const result = await look(name)
      if (result.kind === 'found') {
        this.#complete = name
        return result
      }
      if (result.kind === 'failed') {
        // The next name would be asked of the same servers.
        if (name === before || result.code === 'timeout' || result.code === 'unreachable') return result
        failed ??= result
      } else if (empty === null || (empty.kind === 'empty' && result.ttl < empty.ttl)) empty = result
    }
    return failed ?? (empty as Nothing)
  }
}
