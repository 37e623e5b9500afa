import { z } from 'zod'
import * as kind from './kinds.ts'

export function zoneName() {
  return kind.text('the name of a zone such as eu-1a', 'name', (input) =>
    /^[A-Za-z0-9._-]{1,63}$/.test(input),
  )
}

const label = () =>
  kind.text(
    'the text of a label: letters, digits, dots, dashes and underscores, at most 63',
    'text',
    (input) => /^[A-Za-z0-9._-]{1,63}$/.test(input),
    kind.quoted,
  )

/** Names and values as Kubernetes has them. */
export const labelsSchema = z.record(
  z.string().regex(/^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9._-]{1,63}$/, {
    error: kind.expects('the name of a label such as version'),
  }),
  label(),
  { error: kind.expects('a mapping of labels to values such as { version: v2 }') },
)

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
      zone: zoneName().optional().describe('Where it runs.'),
      labels: labelsSchema.optional().describe("What a route's `subset` chooses by."),
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
