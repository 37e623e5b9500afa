import { z } from 'zod'
import { balanceSchema, slowStartSchema, stickySchema } from './balance-schema.ts'
import { breakerSchema } from './breaker-schema.ts'
import { endpointSchema } from './endpoint-schema.ts'
import { healthSchema } from './health-schema.ts'
import { upstreamHttp1Schema } from './http1-schema.ts'
import { upstreamHttp2Schema } from './http2-schema.ts'
import * as kind from './kinds.ts'
import { outlierSchema } from './outlier-schema.ts'
import { isHostName } from './values.ts'

const durationText = 'a duration above zero of at most 24d, such as 500ms, 2s or 5m'

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
  slowStart: slowStartSchema
    .optional()
    .describe('An endpoint that joins or returns gets its share step by step. `{}` takes every default.'),
  sticky: stickySchema
    .optional()
    .describe('A cookie brings a caller back to the endpoint that answered it, while that can be used.'),
  tls: tlsSchema.prefault({}).describe('How connections to the endpoints are protected.'),
  health: healthSchema.optional().describe('Active checks. Without it every endpoint counts as healthy.'),
  outlier: outlierSchema
    .optional()
    .describe('Leaves endpoints out whose requests fail. `{}` takes every default.'),
  breaker: breakerSchema
    .optional()
    .describe(
      'Shuts single endpoints whose requests fail in a row, the last one too, and has one request at a time try them. `{}` takes every default.',
    ),
  limits: kind
    .mapping({
      connections: kind.wholeNumber(1, 1_000_000).prefault(1024).describe('Connections open at once.'),
      requests: kind.wholeNumber(1, 1_000_000).prefault(1024).describe('Requests in flight at once.'),
      pending: kind
        .wholeNumber(0, 1_000_000)
        .prefault(1024)
        .describe('Requests that may wait for a connection.'),
      pendingTimeout: kind
        .orOff(durationText, kind.duration())
        .prefault('5s')
        .describe(
          'Longest time that a request waits for a connection. `off`: as long as its `timeout` allows.',
        ),
      requestsPerEndpoint: kind
        .wholeNumber(1, 1_000_000)
        .optional()
        .describe(
          'Requests in flight at once at one endpoint; the others are passed to endpoints that have room, among nine at most.',
        ),
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
