import * as kind from './kinds.ts'

export const endpointSchema = kind.choice(
  'an address such as 10.0.0.1:8080, or a mapping with an address',
  [
    kind.endpointAddress(),
    kind.mapping({
      address: kind.endpointAddress().describe('Host and port.'),
      weight: kind
        .wholeNumber(1, 1000)
        .prefault(1)
        .describe('Its share of the requests, relative to the other endpoints.'),
      zone: kind
        .text('the name of a zone such as eu-1a', 'name', (input) => /^[A-Za-z0-9._-]{1,63}$/.test(input))
        .optional()
        .describe('Where it runs.'),
      priority: kind
        .wholeNumber(0, 100)
        .prefault(0)
        .describe(
          'Endpoints with 0 are used first, those with 1 when too few of them are healthy, and so on.',
        ),
    }),
  ],
  kind.addressMeant,
)
