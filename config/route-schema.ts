import { z } from 'zod'
import { stickySchema } from './balance-schema.ts'
import { labelsSchema } from './endpoint-schema.ts'
import * as kind from './kinds.ts'
import { suggest } from './suggest.ts'
import { isPath, parseAuthority, parseGrpc, pathMeant } from './values.ts'

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

const path = () => kind.text('a path such as /api/orders, without query', 'path', isPath, pathMeant)

const fieldName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, {
  error: kind.expects('the name of a header such as x-version'),
})

const fieldValue = () =>
  kind.text(
    'the text of a header',
    'text',
    (input) => /^[\t\x20-\x7e\x80-\uffff]*$/.test(input) && input.trim() === input,
  )

const headerMatch = kind.choice(
  'the text of a header, or a mapping with exact, prefix or present',
  [
    fieldValue(),
    kind.mapping({
      exact: fieldValue().optional().describe('The whole value.'),
      prefix: fieldValue().optional().describe('How the value begins.'),
      present: kind.flag().optional().describe('`true`: the header is there; `false`: it is not.'),
    }),
  ],
  kind.quoted,
)

/** What nearly every entry of `upgrades` is. */
const tunnels = ['websocket', 'connect', 'connect-udp', 'connect-ip'] as const

/** Any protocol may be named, but not one that is a known one misspelt. */
function isUpgrade(input: string): boolean {
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/.test(input) || ofHttpItself.has(input)) return false
  const meant = suggest(input, tunnels)
  return meant === null || meant === input
}

/** Upgrades that a proxy never passes on: it speaks its own HTTP on each side. */
const ofHttpItself: ReadonlySet<string> = new Set(['h2c', 'h2', 'http', 'tls'])

export const matchSchema = kind.mapping({
  authority: kind
    .parsed(
      'a host such as greeter.mesh, with a port if only that one counts, or *.mesh (no key for every host)',
      'authority',
      parseAuthority,
    )
    .optional()
    .describe(
      'The host the request is for, from `:authority` or `Host`. A host without port matches every port; `*.mesh` matches every name below `mesh`.',
    ),
  path: path().optional().describe('The whole path, without query. Not together with `prefix` or `grpc`.'),
  prefix: path()
    .optional()
    .describe(
      'The path begins with these segments: `/api` matches `/api` and `/api/x`, not `/apix`. Not together with `path` or `grpc`.',
    ),
  grpc: kind
    .parsed(
      'a gRPC service such as helloworld.Greeter, or one of its methods such as helloworld.Greeter/SayHello',
      'gRPC service or method',
      parseGrpc,
      (input) =>
        typeof input === 'string' && parseGrpc(input.replace(/^\/|\/\*?$/g, ''))
          ? input.replace(/^\/|\/\*?$/g, '')
          : null,
    )
    .optional()
    .describe(
      'A gRPC service, `package.Service`, or one method, `package.Service/Method`. Not together with `path` or `prefix`.',
    ),
  methods: kind
    .list(kind.method(), 'a list of methods such as [GET, POST]')
    .optional()
    .describe('The request has one of these methods.'),
  headers: z
    .record(fieldName, headerMatch, {
      error: kind.expects('a mapping of header names to what their values have to be'),
    })
    .optional()
    .describe(
      'All of these headers match: a text is the whole value, a mapping has one of `exact`, `prefix` or `present`.',
    ),
})

const retrySchema = kind.mapping({
  on: kind
    .list(kind.word(...retryConditions), 'a list of conditions such as [connect-failure, unavailable]')
    .describe('What a further attempt is made for. The last five are gRPC statuses.'),
  attempts: kind.wholeNumber(1, 10).prefault(3).describe('All attempts together, the first one counted.'),
  perTryTimeout: kind
    .duration()
    .optional()
    .describe("Longest time for one attempt. Without it only the route's `timeout` counts."),
})

export const routeSchema = kind.mapping({
  name: kind
    .text('a name of letters, digits, dots, dashes, underscores and slashes, at most 63', 'name', (input) =>
      /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/.test(input),
    )
    .optional()
    .describe(
      'Its name in metrics and logs. By default the listener and the position, such as `outbound/0`.',
    ),
  match: matchSchema
    .prefault({})
    .describe(
      'What a request has to be like; every key given has to match. Without it every request matches.',
    ),
  upstream: kind
    .choice(
      'the name of an upstream, or a mapping of names to weights such as { orders: 90, orders-canary: 10 }',
      [
        z.string().meta({ title: 'name' }),
        z.record(z.string(), kind.wholeNumber(0, 1_000_000)).meta({ title: 'mapping of names to weights' }),
      ],
    )
    .describe('Where the request goes: an upstream, or several with weights that share the requests out.'),
  timeout: kind
    .orOff('a duration such as 500ms, 2s or 5m', kind.duration(), kind.durationMeant)
    .prefault('15s')
    .describe(
      'Longest time from the end of the request to the start of the response, all attempts together; then 504 or DEADLINE_EXCEEDED. Once begun, streams and other responses may last. `off`: no limit, but for what is silent longer than `timeouts.stream` of the listener.',
    ),
  upgrades: kind
    .list(
      kind.text(
        'connect, or the name of a protocol in lower case such as websocket',
        'protocol',
        isUpgrade,
        (input) => (typeof input === 'string' ? (suggest(input, tunnels) ?? input.toLowerCase()) : null),
      ),
      'a list of protocols such as [websocket, connect], or [] for none',
      0,
    )
    .prefault(['websocket'])
    .describe(
      'What a connection may be turned into: protocols by HTTP/1.1 Upgrade or extended CONNECT (RFC 8441), whichever the caller and the endpoint speak, and `connect` for the method CONNECT, which is passed on to the upstream: that has to be a proxy itself. Rules and routes see upgrades with the method GET, whichever way they came. Other requests for a tunnel are answered 403.',
    ),
  subset: labelsSchema.optional().describe('Only endpoints with all of these labels are used.'),
  subsetFallback: kind
    .word('none', 'any')
    .prefault('none')
    .describe(
      'When no endpoint of the `subset` is left: `none`, the request is answered 503 or UNAVAILABLE; `any`, the other endpoints are used.',
    ),
  sticky: stickySchema
    .optional()
    .describe(
      "A cookie brings a caller back to the endpoint that answered it, and with several upstreams to that one. In place of the upstream's own.",
    ),
  retry: retrySchema
    .optional()
    .describe('Further attempts for a failed request. Without it only those that are always safe.'),
})
