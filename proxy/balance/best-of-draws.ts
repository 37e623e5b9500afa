import { firstUntried, UNTRIED_DRAWS } from './balancer.ts'
import type { CandidateDraw } from './candidate-draw.ts'
import type { Choice } from './choice.ts'
import type { Endpoint } from './endpoint.ts'

/** Tells which of two endpoints is the better one; in a tie the first. */
export interface Comparison {
  better(first: Endpoint, second: Endpoint): Endpoint
}

/**
 * The best of `choices` (1 or more) endpoints drawn at random (Mitzenmacher 2001, "The power of two choices"): nearly as
 * good as the best of all, at the price of two, and without every sidecar rushing to the same one.
 */
export function bestOfDraws(
  draw: CandidateDraw,
  choices: number,
  comparison: Comparison,
  choice: Choice,
): Endpoint | null {
  const { candidates } = draw
  const { tried } = choice
  if (tried.length !== 0) return bestUntried(draw, choices, comparison, tried)
  if (candidates.length < 2) return candidates.length === 0 ? null : (candidates[0] as Endpoint)
  const first = draw.next()
  let best = candidates[first] as Endpoint
  if (choices === 1) return best
  best = comparison.better(best, candidates[draw.other(first)] as Endpoint)
  for (let i = 2; i < choices; i++) best = comparison.better(best, candidates[draw.next()] as Endpoint)
  return best
}

function bestUntried(
  draw: CandidateDraw,
  choices: number,
  comparison: Comparison,
  tried: readonly Endpoint[],
): Endpoint | null {
  const { candidates } = draw
  if (candidates.length === 0) return null
  let best: Endpoint | null = null
  let at = 0
  let found = 0
  for (let draws = 0; draws < UNTRIED_DRAWS && found < choices; draws++) {
    at = draw.next()
    const drawn = candidates[at] as Endpoint
    if (drawn === best || tried.includes(drawn)) continue
    best = best === null ? drawn : comparison.better(best, drawn)
    found += 1
  }
  return best ?? firstUntried(candidates, at, tried)
}
