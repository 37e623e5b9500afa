import type { ConcurrencyDocument, RateLimitDocument } from '../overload-schema.ts'
import type { ConcurrencyConfig, RateLimitBy, RateLimitConfig } from '../types/overload.ts'

type LimitDocument = Exclude<NonNullable<RateLimitDocument>, readonly unknown[]>

export function resolveRateLimits(limits: RateLimitDocument): readonly RateLimitConfig[] {
  if (limits === undefined) return []
  return (Array.isArray(limits) ? limits : [limits]).map(resolveRateLimit)
}

function resolveRateLimit(limit: LimitDocument): RateLimitConfig {
  const { name, requests, per, burst, maxKeys, dryRun, advertise } = limit
  const by = limit.by.map(
    (key): RateLimitBy =>
      typeof key === 'string' ? { kind: key } : { kind: 'header', name: key.header.toLowerCase() },
  )
  const kept = by.map((key) => (key.kind === 'header' ? `header ${key.name}` : key.kind)).join(' and ')
  return {
    name: name ?? `${requests}/${durationText(per)}${kept === '' ? '' : ` by ${kept}`}`,
    requests,
    per,
    burst: burst ?? requests,
    by,
    maxKeys,
    dryRun,
    advertise,
  }
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

function durationText(ms: number): string {
  const unit = units.find(([, length]) => ms % length === 0)
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`
}

const DEFAULTS = { min: 5, max: 1000, start: 20 }

export function resolveConcurrency(concurrency: ConcurrencyDocument): ConcurrencyConfig | null {
  if (concurrency === undefined) return null
  const given = concurrency === 'adaptive' ? {} : concurrency
  const max = given.max ?? Math.max(DEFAULTS.max, given.min ?? 0)
  const min = given.min ?? Math.min(DEFAULTS.min, max)
  return { min, max, start: given.start ?? Math.min(max, Math.max(min, DEFAULTS.start)) }
}
