import type { RateLimitConfig } from '../../../config/types/overload.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { Allowance } from '../../../proxy/policy/allowance.ts'
import { RateLimit } from '../../../proxy/policy/rate-limit.ts'
import { RateLimitStats } from '../../../proxy/telemetry/rate-limit-stats.ts'

/** A rate limit of 10 requests per second, one bucket, unless `config` says otherwise. */
export function rateLimit(config: Partial<RateLimitConfig> = {}, place = 'route r'): RateLimit {
  const requests = config.requests ?? 10
  const whole = {
    name: 'ten',
    requests,
    per: 1000,
    burst: requests,
    by: [],
    maxKeys: 10_000,
    dryRun: false,
    advertise: false,
    ...config,
  }
  return new RateLimit(whole, place, new RateLimitStats('l', 'r', whole.name))
}

/** A rate limit by the header `x-key`. */
export function byKey(config: Partial<RateLimitConfig> = {}): RateLimit {
  return rateLimit({ by: [{ kind: 'header', name: 'x-key' }], ...config })
}

/** What requests with this value of `x-key`, or none, may take. */
export function allowance(limits: readonly RateLimit[], key = '', address = '10.0.0.1'): Allowance {
  const fields = key === '' ? {} : { 'x-key': key }
  return new Allowance(limits, null, address, Head.request('GET', 'http', 'a', '/', Fields.of(fields)))
}

/** How many of `count` requests at once pass. */
export function passing(from: Allowance, count: number, now: number): number {
  let passed = 0
  for (let i = 0; i < count; i++) if (from.take(now) === 0) passed += 1
  return passed
}
