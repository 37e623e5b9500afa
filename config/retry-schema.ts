import * as kind from './kinds.ts'
import { parseDuration } from './values.ts'

/** What a retry can be made for; docs/configuration.md says when each holds. */
export const retryConditions = [
  'connect-failure',
  'refused-stream',
  'reset',
  '5xx',
  'gateway-error',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
] as const

export const retrySchema = kind.mapping({
  on: kind
    .list(kind.word(...retryConditions), 'a list of conditions such as [connect-failure, unavailable]')
    .optional()
    .describe(
      'What a further attempt is made for. The last five are gRPC statuses. Required unless there are `statuses`.',
    ),
  statuses: kind
    .list(kind.wholeNumber(400, 599), 'a list of HTTP statuses such as [409, 425]')
    .optional()
    .describe(
      'HTTP statuses that a further attempt is made for, whatever the method: name only those that say that nothing was done.',
    ),
  attempts: kind
    .wholeNumber(1, 10)
    .prefault(3)
    .describe(
      'All attempts together, the first one counted; each at another endpoint as long as there is one.',
    ),
  perTryTimeout: kind
    .duration()
    .optional()
    .describe("Longest time for one attempt. Without it only the route's `timeout` counts."),
  backOff: kind
    .mapping({
      base: kind
        .duration()
        .prefault('25ms')
        .describe(
          'The first further attempt is made at a random moment within this time, the next within three times it, then seven times.',
        ),
      max: kind.duration().optional().describe('No wait is longer. By default ten times `base`.'),
    })
    .prefault({})
    .describe(
      'The wait before a further attempt, so that a service that fails is not stormed. Requests that move on because they cannot have been processed do not wait. `Retry-After` and `grpc-retry-pushback-ms` are waited for as well, up to 10 s and the `timeout` of the route: what asks for more is passed on.',
    ),
})

/** Milliseconds, or `p95`. */
function parseAfter(text: string): number | 'p95' | null {
  return text === 'p95' ? text : parseDuration(text) || null
}

function afterMeant(input: unknown): string | null {
  return /^p[0-9]{2}$/i.test(String(input)) ? 'p95' : kind.durationMeant(input)
}

export const hedgeSchema = kind.mapping({
  after: kind
    .parsed('a duration above zero such as 50ms, or p95', 'duration or p95', parseAfter, afterMeant)
    .prefault('p95')
    .describe(
      'How late a response has to be. `p95`: later than 95 of 100 responses of the route were lately, and at least 10 ms; nothing is hedged before 100 responses are known.',
    ),
  attempts: kind.wholeNumber(2, 5).prefault(2).describe('Attempts under way at a time, at most.'),
  grpc: kind
    .flag()
    .prefault(false)
    .describe('Also for gRPC calls, which two endpoints may then process: only where that does no harm.'),
})
