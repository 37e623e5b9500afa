import { z } from 'zod'
import * as kind from './kinds.ts'

const deviationsText = 'a number from 0.5 to 10'
const deviationsError = kind.expects(deviationsText)
const deviations = z
  .number({ error: deviationsError })
  .min(0.5, { error: deviationsError })
  .max(10, { error: deviationsError })
  .meta({ title: 'number' })

export const outlierSchema = kind.mapping(
  {
    consecutive: kind
      .orOff('a whole number from 1 to 1000', kind.wholeNumber(1, 1000))
      .prefault(5)
      .describe('Failed requests in a row until the endpoint is ejected.'),
    successRate: kind
      .orOff(deviationsText, deviations)
      .prefault(1.9)
      .describe(
        'An endpoint is ejected whose share of successes in an `interval` is this many standard deviations below the mean of all endpoints, and 5 percentage points at least.',
      ),
    failureShare: kind
      .orOff('a share above 0%, at most 100%', kind.percent(), (input) =>
        typeof input === 'number' && input > 0 && input <= 100 ? `${input}%` : null,
      )
      .prefault('off')
      .describe(
        'An endpoint is ejected of whose requests in an `interval` this share fails, whatever the others do.',
      ),
    interval: kind
      .duration()
      .prefault('10s')
      .describe('Time over which `successRate` and `failureShare` count.'),
    minEndpoints: kind
      .wholeNumber(1, 10_000)
      .prefault(5)
      .describe(
        'Endpoints with `minRequests` in an `interval` that `successRate` and `failureShare` need to judge.',
      ),
    minRequests: kind
      .wholeNumber(1, 1_000_000)
      .prefault(100)
      .describe(
        'Requests in an `interval` that an endpoint needs to be judged by `successRate` and `failureShare`.',
      ),
    eject: kind
      .duration()
      .prefault('30s')
      .describe(
        'Time out for the first ejection. The second takes twice as long and so on, up to 5m; each `interval` without ejection takes a step back.',
      ),
    jitter: kind
      .percent()
      .prefault('10%')
      .describe('By how much each ejection is longer at random, at most.'),
    maxEjected: kind
      .percent()
      .prefault('50%')
      .describe(
        'Largest share of the endpoints that may be ejected at once; one always may, the last usable one never.',
      ),
  },
  'a mapping such as { consecutive: 5 }, or {} for the defaults',
)
