import type { Endpoint } from './endpoint.ts'

export interface JudgementOptions {
  /** Standard deviations below the mean success rate that make an outlier; null: not judged by success rate. */
  readonly successRate: number | null
  /** Share of failures that makes an outlier, 0 to 1; null: not judged by it. */
  readonly failureShare: number | null
  /** Endpoints with enough requests that are needed for a judgement. */
  readonly minEndpoints: number
  /** Requests in the interval that an endpoint needs to be judged. */
  readonly minRequests: number
}

/** Why an endpoint is ejected. */
export type Cause = 'consecutive' | 'success-rate' | 'failure-share'

export interface Verdict {
  readonly endpoint: Endpoint
  readonly cause: Cause
  /** A phrase for people. */
  readonly why: string
}

/**
 * An endpoint has to be this much below the mean too, as a share. Where all others are perfect any failure at all is
 * many standard deviations away, and one failed request in a hundred is no reason to lose an endpoint.
 */
const LEAST_GAP = 0.05

/**
 * The outliers among `endpoints` by what was counted in the interval, the worst first (Envoy's outlier detection:
 * success rate below mean - 1.9 standard deviations, or share of failures). Endpoints that are out are neither judged nor
 * compared with.
 *
 * Two passes over plain numbers: 10,000 endpoints take well under a millisecond.
 */
export function findOutliers(endpoints: readonly Endpoint[], options: JudgementOptions): Verdict[] {
  const { minRequests } = options
  let judged = 0
  let sum = 0
  let squares = 0
  for (const endpoint of endpoints) {
    if (!isJudged(endpoint, minRequests)) continue
    const rate = successRate(endpoint)
    judged += 1
    sum += rate
    squares += rate * rate
  }
  if (judged === 0 || judged < options.minEndpoints) return []
  const mean = sum / judged
  const deviation = Math.sqrt(Math.max(0, squares / judged - mean * mean))
  const lowest =
    options.successRate === null ? -1 : Math.min(mean - options.successRate * deviation, mean - LEAST_GAP)
  const lowestByShare = options.failureShare === null ? -1 : 1 - options.failureShare
  const found: Verdict[] = []
  for (const endpoint of endpoints) {
    if (!isJudged(endpoint, minRequests)) continue
    const rate = successRate(endpoint)
    if (rate < lowest) {
      const others = `the mean of ${judged} endpoints is ${percent(mean)}`
      const why = `${percent(rate)} of its requests succeeded, ${others} and ${percent(lowest)} the least`
      found.push({ endpoint, cause: 'success-rate', why })
    } else if (rate <= lowestByShare) {
      const share = `${percent(1 - rate)} of its ${endpoint.intervalResults} requests failed`
      found.push({ endpoint, cause: 'failure-share', why: share })
    }
  }
  return found.sort((a, b) => successRate(a.endpoint) - successRate(b.endpoint))
}

function isJudged(endpoint: Endpoint, minRequests: number): boolean {
  return endpoint.usable && endpoint.intervalResults > 0 && endpoint.intervalResults >= minRequests
}

function successRate(endpoint: Endpoint): number {
  return 1 - endpoint.intervalFailures / endpoint.intervalResults
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
