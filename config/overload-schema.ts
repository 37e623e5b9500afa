import type { z } from 'zod'
import * as kind from './kinds.ts'

const fieldName = kind.text('the name of a header such as x-api-key', 'name', (input) =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(input),
)

const keyWords = ['principal', 'source'] as const

const key = kind.choice(
  'principal, source, or a header such as { header: x-api-key }',
  [
    kind.word(...keyWords),
    kind.mapping({ header: fieldName.describe('Its name.') }, 'a mapping such as { header: x-api-key }'),
  ],
  kind.meantWord(keyWords),
)

const limit = kind.mapping(
  {
    name: kind
      .text('a name of letters, digits, dots, dashes and underscores, at most 63', 'name', (input) =>
        /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(input),
      )
      .optional()
      .describe('Its name in replies and metrics. By default what it does, such as `100/1s by principal`.'),
    requests: kind.wholeNumber(1, 1_000_000_000).describe('How many requests may pass in each `per`.'),
    per: kind.duration().prefault('1s').describe('The time that `requests` are counted for.'),
    burst: kind
      .wholeNumber(1, 1_000_000_000)
      .optional()
      .describe(
        'How many of them may come at once; the rest have to come evenly. By default as many as `requests`.',
      ),
    by: kind
      .list(key, 'a list of what to keep apart, such as [principal] or [{ header: x-api-key }]', 0)
      .prefault([])
      .describe(
        'Each of these has the limit for itself: `principal`, the SPIFFE ID of the caller; `source`, the address of its connection (of IPv6 the first 64 bits); `{ header: NAME }`, the value of a header. Several together: each combination. Callers without what is asked for share one limit. Without it there is one limit for all requests.',
      ),
    maxKeys: kind
      .wholeNumber(1, 1_000_000)
      .prefault(10_000)
      .describe(
        'How many callers are kept apart at a time. Those that come while all places are taken by callers in the middle of their allowance share one limit.',
      ),
    dryRun: kind
      .flag()
      .prefault(false)
      .describe('Only counts what it would refuse, in `pillion_rate_limit_dry_run_total`.'),
    advertise: kind
      .flag()
      .prefault(false)
      .describe(
        'Tells callers what is left, in `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11) of every response.',
      ),
  },
  'a mapping such as { requests: 100, per: 1s }',
)

export const rateLimitSchema = kind
  .choice('a limit such as { requests: 100, per: 1s }, or a list of them', [
    limit,
    kind.list(limit, 'a list of limits such as [{ requests: 100, per: 1s }]'),
  ])
  .optional()

const range = kind.mapping(
  {
    min: kind
      .wholeNumber(1, 1_000_000)
      .optional()
      .describe('The limit never falls below it. By default 5, or `max` if that is less.'),
    max: kind
      .wholeNumber(1, 1_000_000)
      .optional()
      .describe('The limit never rises above it. By default 1000, or `min` if that is more.'),
    start: kind
      .wholeNumber(1, 1_000_000)
      .optional()
      .describe('Where the limit begins. By default 20, or the nearest that `min` and `max` allow.'),
  },
  'a mapping such as { min: 5, max: 1000 }',
)

export const concurrencySchema = kind
  .choice(
    'adaptive, or a mapping such as { min: 5, max: 1000 }',
    [kind.word('adaptive'), range],
    kind.meantWord(['adaptive']),
  )
  .optional()

export type RateLimitDocument = z.output<typeof rateLimitSchema>
export type ConcurrencyDocument = z.output<typeof concurrencySchema>
