import * as kind from './kinds.ts'

export const outlierSchema = kind.mapping(
  {
    consecutive: kind
      .wholeNumber(1, 1000)
      .prefault(5)
      .describe('Failed requests in a row until the endpoint is ejected.'),
    eject: kind
      .duration()
      .prefault('30s')
      .describe('Time out for the first ejection; each further one takes longer.'),
    maxEjected: kind
      .percent()
      .prefault('50%')
      .describe('Largest share of the endpoints that may be ejected at once; one always may.'),
  },
  'a mapping such as { consecutive: 5 }, or {} for the defaults',
)
