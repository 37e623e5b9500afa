import { z } from 'zod'
import { upstreamHttp1Schema } from './http1-schema.ts'
import { upstreamHttp2Schema } from './http2-schema.ts'
import * as kind from './kinds.ts'
import { listWords } from './problems.ts'
import { isHostName, isPath, parseStatusRange } from './values.ts'

const endpointSchema = kind.choice(
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

const policies = ['round-robin', 'weighted', 'random', 'least-request'] as const
const policy = () => kind.word(...policies)

const balanceSchema = kind.choice(
  `one of ${listWords(policies)}, or a mapping with a policy`,
  [
    policy(),
    kind.mapping({ policy: policy().prefault('least-request').describe('How an endpoint is picked.') }),
  ],
  kind.meantWord(policies),
)

const tlsSchema = kind.mapping({
  mode: kind
    .word('none', 'server', 'mutual')
    .prefault('none')
    .describe(
      '`none`: plain text. `server`: TLS. `mutual`: TLS, and the sidecar presents its own certificate and checks the SPIFFE ID of the server.',
    ),
  peer: kind
    .choice('a SPIFFE ID such as spiffe://mesh.local/ns/default/sa/web, or a list of them', [
      kind.principal(),
      kind.list(kind.principal(), 'a list of SPIFFE IDs'),
    ])
    .optional()
    .describe(
      'Who the server has to be: a SPIFFE ID, a beginning followed by `*`, or a list of them. Required in mode `mutual`.',
    ),
  serverName: kind
    .text('a host name such as orders.example.com', 'host name', isHostName)
    .optional()
    .describe(
      'Name asked for in the handshake and, without `peer`, expected in the certificate. By default the host of the endpoint.',
    ),
  trustBundleFile: kind
    .filePath('certs/ca.crt')
    .optional()
    .describe(
      "PEM file of the roots that the server's certificate has to lead to. By default those of `identity`, and without it the roots of the system.",
    ),
})

const statusRange = kind.choice('a status code such as 200, or a range such as 200-299', [
  kind.wholeNumber(100, 599).transform((code) => ({ from: code, to: code })),
  kind.parsed('a status code such as 200, or a range such as 200-299', 'status or range', parseStatusRange),
])

const healthSchema = kind.mapping({
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

const outlierSchema = kind.mapping(
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

export const upstreamSchema = kind.mapping({
  protocol: kind
    .word('http1', 'h2', 'auto')
    .prefault('auto')
    .describe(
      'What its endpoints speak: `http1`, `h2`, or `auto` for what the TLS handshake agrees on (ALPN).',
    ),
  endpoints: kind
    .list(endpointSchema, 'a list of at least one address such as [10.0.0.1:8080]')
    .describe('Where it runs: addresses, or mappings of an address and its properties.'),
  balance: balanceSchema
    .prefault('least-request')
    .describe('How an endpoint is picked: a policy, or a mapping with `policy`.'),
  tls: tlsSchema.prefault({}).describe('How connections to the endpoints are protected.'),
  health: healthSchema.optional().describe('Active checks. Without it every endpoint counts as healthy.'),
  outlier: outlierSchema
    .optional()
    .describe('Leaves endpoints out whose requests fail. `{}` takes every default.'),
  limits: kind
    .mapping({
      connections: kind.wholeNumber(1, 1_000_000).prefault(1024).describe('Connections open at once.'),
      requests: kind.wholeNumber(1, 1_000_000).prefault(1024).describe('Requests in flight at once.'),
      pending: kind
        .wholeNumber(0, 1_000_000)
        .prefault(1024)
        .describe('Requests that may wait for a connection.'),
      retryBudget: kind
        .percent()
        .prefault('20%')
        .describe(
          'Share of the requests in flight that may be retries; requests that need none save up 100 more at most. Tries that reached no endpoint do not count.',
        ),
      headBytes: kind
        .size(4096, 1024 ** 2, 'from 4KiB to 1MiB')
        .prefault('64KiB')
        .describe('Size of a response head, all headers together; a larger one is answered 502.'),
      fields: kind.wholeNumber(1, 10_000).prefault(200).describe('Headers of one response.'),
      trailerBytes: kind
        .size(0, 1024 ** 2, 'from 0B to 1MiB')
        .prefault('64KiB')
        .describe('Size of the trailers of a response; gRPC puts the details of errors there.'),
    })
    .prefault({})
    .describe(
      'What the upstream is spared, where a request beyond is answered 503 or UNAVAILABLE, and the size of its responses.',
    ),
  timeouts: kind
    .mapping({
      connect: kind
        .duration()
        .prefault('1s')
        .describe('Longest time to connect, the TLS handshake included.'),
      idle: kind
        .duration()
        .optional()
        .describe(
          'A connection without a request is closed after this time. By default 3s for HTTP/1.1, 5m for HTTP/2.',
        ),
    })
    .prefault({})
    .describe('Limits in time for its connections.'),
  http1: upstreamHttp1Schema.prefault({}).describe('Limits of HTTP/1.1 alone.'),
  http2: upstreamHttp2Schema.prefault({}).describe('Limits of its HTTP/2 connections.'),
})

export const upstreamsSchema = z.record(kind.name('a name'), upstreamSchema, {
  error: kind.expects('a mapping of names to upstreams such as { app: { endpoints: [127.0.0.1:8080] } }'),
})
