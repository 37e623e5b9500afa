import * as kind from './kinds.ts'

export const breakerSchema = kind.mapping(
  {
    failures: kind
      .wholeNumber(1, 1000)
      .prefault(7)
      .describe('Failed requests in a row that shut the endpoint.'),
    backOff: kind
      .mapping(
        {
          from: kind
            .duration()
            .prefault('1s')
            .describe('Time that the endpoint is shut at first. It doubles with each trial that fails.'),
          to: kind.duration().prefault('60s').describe('Longest time until the next trial.'),
          jitter: kind.percent().prefault('50%').describe('By how much each is longer at random, at most.'),
        },
        'a mapping such as { from: 1s, to: 60s }',
      )
      .prefault({})
      .describe('How long the endpoint is shut before a single request tries it.'),
  },
  'a mapping such as { failures: 7 }, or {} for the defaults',
)
