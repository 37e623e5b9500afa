import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'

/** Chooses an endpoint per attempt. A pick costs the same for 3 endpoints and for 10,000, and allocates nothing. */
export interface Balancer {
  /**
   * The endpoint for the next attempt; `null` when no untried one is left, or none at all. The caller counts the
   * endpoint's `active` up and down.
   */
  pick(choice: Choice): Endpoint | null
  /** It is not asked any more: what it keeps at the endpoints goes. */
  release?(): void
}

/** Draws by the policy before the first candidate that was not tried is taken, whatever the policy says. */
export const UNTRIED_DRAWS = 8

/**
 * The first candidate from `start` on, round the end, that is not in `tried`; `null` when there is none.
 * Looks at no more than `tried.length + 1` candidates when it finds one.
 */
export function firstUntried(
  candidates: readonly Endpoint[],
  start: number,
  tried: readonly Endpoint[],
): Endpoint | null {
  const length = candidates.length
  for (let i = 0; i < length; i++) {
    const endpoint = candidates[(start + i) % length] as Endpoint
    if (!tried.includes(endpoint)) return endpoint
  }
  return null
}
