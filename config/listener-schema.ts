import { listenerHttp1Schema } from './http1-schema.ts'
import { listenerHttp2Schema } from './http2-schema.ts'
import * as kind from './kinds.ts'
import { rateLimitSchema } from './overload-schema.ts'
import { requestKeys } from './request-schema.ts'
import { routeSchema } from './route-schema.ts'
import { isPathPattern, pathMeant } from './values.ts'

const conditions = kind.mapping(
  {
    principals: kind
      .list(kind.principal(), 'a list of SPIFFE IDs')
      .optional()
      .describe(
        'The caller is one of these. Exact, or a beginning followed by `*`. Needs `tls: mutual` or `permissive`.',
      ),
    methods: kind
      .list(kind.method(), 'a list of methods such as [GET, POST]')
      .optional()
      .describe('The request has one of these methods.'),
    paths: kind
      .list(
        kind.text(
          'a path such as /orders, or its beginning followed by * such as /orders/*',
          'path',
          isPathPattern,
          pathMeant,
        ),
        'a list of paths such as [/orders, /orders/*]',
      )
      .optional()
      .describe('The request has one of these paths. Exact, or a beginning followed by `*`.'),
  },
  'a mapping with principals, methods and paths, or {} for every request',
)

const ruleSchema = kind.mapping({
  allow: conditions.optional().describe('Lets requests pass that meet every key given.'),
  deny: conditions.optional().describe('Refuses requests that meet every key given. Deny wins over allow.'),
})

export const listenerSchema = kind.mapping({
  name: kind
    .text('a name of lower-case letters, digits and dashes, at most 63', 'name', (input) =>
      /^[a-z0-9][a-z0-9-]{0,62}$/.test(input),
    )
    .describe('Its name in metrics and logs; no two listeners share one.'),
  address: kind
    .listenAddress()
    .describe('Where it listens. `0.0.0.0` is every IPv4 interface, port 0 any free port.'),
  tls: kind
    .word('mutual', 'permissive', 'server', 'none')
    .prefault('none')
    .describe(
      '`mutual`: callers present a certificate of the mesh. `permissive`: they may, and plain text is taken too. `server`: TLS without asking for a certificate. `none`: plain text.',
    ),
  direction: kind
    .word('inbound', 'outbound')
    .optional()
    .describe(
      'Metric label. By default `inbound` when there is TLS or the name begins with `inbound`, otherwise `outbound`.',
    ),
  ...requestKeys,
  authorize: kind
    .list(ruleSchema, 'a list of rules, each with allow or deny', 0)
    .prefault([])
    .describe(
      'Who may do what. Once there is a rule, a request that no rule allows is refused; a deny rule wins.',
    ),
  rateLimit: rateLimitSchema.describe(
    'How many requests may pass; more get 429 or RESOURCE_EXHAUSTED. One limit or a list, all of which have to let a request pass, together with those of its route. See docs/overload.md.',
  ),
  routes: kind
    .list(routeSchema, 'a list of at least one route, each with an upstream')
    .describe('Where requests go. The first route that matches is taken.'),
  timeouts: kind
    .mapping({
      idle: kind
        .duration()
        .prefault('5m')
        .describe('A connection without an open request is closed after this time.'),
      head: kind.duration().prefault('10s').describe('A request head has to be complete within this time.'),
      handshake: kind
        .duration()
        .prefault('10s')
        .describe('A TLS handshake has to be complete within this time.'),
      body: kind
        .duration()
        .prefault('1m')
        .describe(
          'A request body has to bring 1 KiB or its end within this time, again and again, while it is wanted; then 408. gRPC calls are not held to it.',
        ),
      write: kind
        .duration()
        .prefault('1m')
        .describe('A caller has to take something of what waits for it within this time.'),
      stream: kind
        .orOff('a duration such as 500ms, 2s or 5m', kind.duration(), kind.durationMeant)
        .prefault('5m')
        .describe(
          'A request on which nothing moves for this time, in neither direction, is ended: 504, or 408 when its own body is awaited. gRPC calls not before an hour. `idleTimeout` of a route goes before it. `off`: no limit.',
        ),
      tunnel: kind
        .orOff('a duration such as 30s, 5m or 1h', kind.duration(), kind.durationMeant)
        .prefault('1h')
        .describe(
          'A WebSocket or another tunnel in which nothing moves either way is cut after this time, at the latest after twice as much. `off`: never.',
        ),
    })
    .prefault({})
    .describe(
      'Limits in time for its connections. Those of bodies, writes and streams are looked at now and then, and met up to a half later.',
    ),
  limits: kind
    .mapping({
      connections: kind.wholeNumber(1, 1_000_000).prefault(10_000).describe('Connections open at once.'),
      streams: kind
        .wholeNumber(1, 100_000)
        .optional()
        .describe(
          'Requests open at once on one HTTP/2 connection. By default 1024, or 100 when the listener is reachable from outside without TLS.',
        ),
      headBytes: kind
        .size(4096, 1024 ** 2, 'from 4KiB to 1MiB')
        .prefault('64KiB')
        .describe('Size of a request head, all headers together.'),
      fields: kind.wholeNumber(1, 10_000).prefault(100).describe('Headers of one request.'),
      uriBytes: kind
        .size(128, 1024 ** 2, 'from 128B to 1MiB')
        .prefault('8KiB')
        .describe('Size of a request target, its path and query; a longer one is answered 414.'),
      trailerBytes: kind
        .size(0, 1024 ** 2, 'from 0B to 1MiB')
        .prefault('8KiB')
        .describe('Size of the trailers of a request.'),
      bodyBytes: kind
        .orOff(
          'a size from 1B, such as 64KiB',
          kind.size(1, Number.MAX_SAFE_INTEGER, 'from 1B'),
          kind.sizeMeant,
        )
        .prefault('off')
        .describe(
          'Size of a request body, of all messages of a gRPC call together; a larger one is answered 413 or RESOURCE_EXHAUSTED. `off`: no limit.',
        ),
      cookies: kind
        .wholeNumber(1, 10_000)
        .prefault(200)
        .describe(
          'Cookie headers of one HTTP/2 request, which do not count among `fields`: browsers send a header per cookie.',
        ),
    })
    .prefault({})
    .describe('Limits in number and size.'),
  http1: listenerHttp1Schema.prefault({}).describe('Limits of HTTP/1.1 alone.'),
  http2: listenerHttp2Schema.prefault({}).describe('Limits of its HTTP/2 connections.'),
})
