import * as kind from './kinds.ts'
import { isPath, parseStatusRange } from './values.ts'

const statusRange = kind.choice('a status code such as 200, or a range such as 200-299', [
  kind.wholeNumber(100, 599).transform((code) => ({ from: code, to: code })),
  kind.parsed('a status code such as 200, or a range such as 200-299', 'status or range', parseStatusRange),
])

export const healthSchema = kind.mapping({
  http: kind
    .mapping(
      {
        path: kind
          .text('a path such as /health', 'path', (input) =>
            isPath(input.replace(/\?[\x21\x22\x24-\x7e]*$/, '')),
          )
          .prefault('/')
          .describe('What to GET.'),
        expect: kind
          .choice('a status code, a range such as 200-299, or a list of them', [
            kind.list(statusRange, 'a list of status codes or ranges such as [200-299]'),
            statusRange.transform((range) => [range]),
          ])
          .meta({ title: 'list of status codes and ranges' })
          .prefault(['200-299'])
          .describe('Status codes that mean healthy, as a list of codes and ranges.'),
        degraded: kind
          .choice('a status code, a range such as 200-299, or a list of them', [
            kind.list(statusRange, 'a list of status codes or ranges such as [429]', 0),
            statusRange.transform((range) => [range]),
          ])
          .meta({ title: 'list of status codes and ranges' })
          .prefault([])
          .describe(
            'Status codes that mean degraded: healthy, but used only when the others do not suffice. The header `x-pillion-degraded` or `x-envoy-degraded` in a healthy answer means the same.',
          ),
      },
      'a mapping with path and expect, or {}',
    )
    .optional()
    .describe('Checks by an HTTP request. Exactly one of `http`, `grpc` and `tcp`.'),
  grpc: kind
    .mapping(
      {
        service: kind
          .text('the name of a gRPC service such as helloworld.Greeter', 'text', (input) =>
            /^[\x21-\x7e]*$/.test(input),
          )
          .prefault('')
          .describe('The service asked for; empty for the server as a whole.'),
      },
      'a mapping with service, or {}',
    )
    .optional()
    .describe('Checks by `grpc.health.v1.Health/Check`.'),
  tcp: kind
    .mapping({}, 'the mapping {}')
    .optional()
    .describe('Checks by connecting, with the TLS handshake where `tls` is set.'),
  interval: kind.duration().prefault('2s').describe('Time between two checks of an endpoint.'),
  idleInterval: kind
    .duration()
    .prefault('60s')
    .describe(
      'Time between two checks of a healthy endpoint while the upstream has had no request for this long. The next request brings `interval` back.',
    ),
  timeout: kind.duration().prefault('1s').describe('Longest time for one check.'),
  unhealthyAfter: kind
    .wholeNumber(1, 100)
    .prefault(3)
    .describe('Failed checks in a row until the endpoint is left out.'),
  healthyAfter: kind
    .wholeNumber(1, 100)
    .prefault(2)
    .describe('Passed checks in a row until it is used again.'),
  jitter: kind.percent().prefault('10%').describe('By how much each interval varies at random.'),
})
