import type { Endpoint } from './endpoint.ts'

/** What a balancer may go by besides its endpoints: the request that it chooses for. Read during `pick` only. */
export interface Choice {
  /** The endpoints of the request's earlier attempts: they are passed over. */
  readonly tried: readonly Endpoint[]
  /** What the consistent policies go by: a 32-bit unsigned hash of the request's key; -1 when it has none. */
  readonly hash: number
}

/** For `tried` on the first attempt. */
export const NONE_TRIED: readonly Endpoint[] = Object.freeze([])
