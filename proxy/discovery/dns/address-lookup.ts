import { isIPv4 } from 'node:net'
import type { AddressFamily } from '../../../config/types/discovery.ts'
import type { FinalResult } from './answer.ts'
import type { Wanted } from './message.ts'

/** No record, for certain, or no answer. Times are in seconds. */
export type Nothing =
  | { readonly kind: 'empty'; readonly why: string; readonly ttl: number }
  | { readonly kind: 'failed'; readonly code: string; readonly why: string }

/** What came of looking for addresses. Times are in seconds. */
export type AddressResult =
  | { readonly kind: 'found'; readonly addresses: readonly string[]; readonly ttl: number }
  | Nothing

/** Asks for the records of the name, and follows aliases. */
type Ask = (type: Wanted) => Promise<FinalResult>

/** A family whose question fails, while the other's does not, is asked for again after this time, in seconds. */
const HALF_TTL = 5

/**
 * The addresses of one complete name, by family. Keeps those of a family whose question fails while the other's does not,
 * so that half an answer takes nothing away.
 */
export class AddressLookup {
  readonly #family: AddressFamily
  readonly #last: Record<'A' | 'AAAA', readonly string[]> = { A: [], AAAA: [] }

  constructor(family: AddressFamily) {
    this.#family = family
  }

  lookUp(ask: Ask): Promise<AddressResult> {
    switch (this.#family) {
      case 'ipv4':
        return only(ask, 'A')
      case 'ipv6':
        return only(ask, 'AAAA')
      case 'prefer-ipv4':
        return rather(ask, 'A', 'AAAA')
      case 'prefer-ipv6':
        return rather(ask, 'AAAA', 'A')
      case 'all':
        return this.#both(ask)
    }
  }

  async #both(ask: Ask): Promise<AddressResult> {
    const [four, six] = await Promise.all([only(ask, 'A'), only(ask, 'AAAA')])
    if (four.kind === 'failed' && six.kind !== 'found') return four
    if (six.kind === 'failed' && four.kind !== 'found') return six
    if (four.kind === 'empty' && six.kind === 'empty') return four
    if (four.kind !== 'failed') this.#last.A = four.kind === 'found' ? four.addresses : []
    if (six.kind !== 'failed') this.#last.AAAA = six.kind === 'found' ? six.addresses : []
    const ttl = Math.min(...[four, six].map((each) => (each.kind === 'failed' ? HALF_TTL : each.ttl)))
    return { kind: 'found', addresses: [...this.#last.A, ...this.#last.AAAA], ttl }
  }
}

/** Those of `addresses` that are wanted. */
export function ofFamily(addresses: readonly string[], family: AddressFamily): readonly string[] {
  const four = addresses.filter((address) => isIPv4(address))
  const six = addresses.filter((address) => !isIPv4(address))
  switch (family) {
    case 'ipv4':
      return four
    case 'ipv6':
      return six
    case 'prefer-ipv4':
      return four.length > 0 ? four : six
    case 'prefer-ipv6':
      return six.length > 0 ? six : four
    case 'all':
      return [...four, ...six]
  }
}

async function only(ask: Ask, type: 'A' | 'AAAA'): Promise<AddressResult> {
  const result = await ask(type)
  if (result.kind === 'records') {
    return { kind: 'found', addresses: result.records.map(({ address }) => address), ttl: result.ttl }
  }
  return result
}

/** The other family is asked for only when it is certain that there is none of the first. */
async function rather(ask: Ask, first: 'A' | 'AAAA', second: 'A' | 'AAAA'): Promise<AddressResult> {
  const result = await only(ask, first)
  if (result.kind !== 'empty') return result
  const other = await only(ask, second)
  // When both are missing the name has no address at all.
  return other.kind === 'empty' ? { ...other, why: result.why, ttl: Math.min(result.ttl, other.ttl) } : other
}
