import * as kind from './kinds.ts'
import { listWords } from './problems.ts'

const policies = [
  'round-robin',
  'weighted',
  'random',
  'least-request',
  'ewma',
  'ring-hash',
  'maglev',
] as const
const policy = () => kind.word(...policies)

const cookieName = () =>
  kind.text('the name of a cookie such as session', 'name', (input) =>
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(input),
  )

const hashKeySchema = kind.mapping({
  header: kind
    .text('the name of a header such as x-user', 'name', (input) =>
      /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(input),
    )
    .optional()
    .describe('The value of this header. Exactly one of `header`, `cookie`, `path` and `source`.'),
  cookie: cookieName().optional().describe('The value of this cookie.'),
  ttl: kind
    .duration(true)
    .optional()
    .describe(
      'With `cookie`: a request without it is given one, of a random value, for this time. `0s`: until the browser ends.',
    ),
  path: kind.onlyTrue().optional().describe('The path, without query.'),
  source: kind
    .onlyTrue()
    .optional()
    .describe(
      "The address that the caller's connection comes from. Of an outbound listener it is always the same.",
    ),
})

/** What a policy named by a word alone has for the rest. */
export const balanceMapping = kind.mapping({
  policy: policy().prefault('least-request').describe('How an endpoint is picked.'),
  choices: kind
    .wholeNumber(2, 100)
    .prefault(2)
    .describe('least-request: how many endpoints are drawn; the least loaded of them is taken.'),
  bias: kind
    .number(0, 10)
    .prefault(1)
    .describe(
      'least-request: how much requests in flight count against weight, `weight / active^bias`. `0`: not at all. Without effect while all weights are the same.',
    ),
  decay: kind
    .duration()
    .prefault('10s')
    .describe('ewma: time in which an old latency loses 63 % of its effect.'),
  failurePenalty: kind
    .orOff('a duration such as 5s', kind.duration(), kind.durationMeant)
    .prefault('5s')
    .describe(
      'ewma: the latency that a failed or refused request counts as; more when the endpoint asks to be left alone for longer. `off`: the time that it took, so that an endpoint which fails fast looks fast.',
    ),
  hash: kind
    .list(hashKeySchema, 'a list of keys such as [{ header: x-user }, { source: true }]')
    .optional()
    .describe(
      'ring-hash and maglev: what is hashed, the first that a request has. A request without any goes to a random endpoint.',
    ),
  boundedLoad: kind
    .percent(110, 200)
    .optional()
    .describe(
      'ring-hash and maglev: how much of its fair share of the requests in flight an endpoint takes; what is beyond goes to the next. Without it there is no bound.',
    ),
  minRingSize: kind
    .wholeNumber(1, 8_388_608)
    .prefault(1024)
    .describe(
      'ring-hash: points of the ring at least. There are 512 for each endpoint, between the two sizes.',
    ),
  maxRingSize: kind
    .wholeNumber(1, 8_388_608)
    .prefault(262_144)
    .describe('ring-hash: points of the ring at most, but one for each endpoint.'),
  overprovision: kind
    .percent(100, 1000)
    .prefault('140%')
    .describe(
      'A priority, or the own zone, keeps all of its requests while this times its usable share is at least 100 %. `140%`: down to 71 % usable.',
    ),
  panic: kind
    .percent()
    .prefault('0%')
    .describe(
      'When fewer endpoints than this are usable, and nobody else can take the load, all are used, the failing ones too. `0%`: never.',
    ),
  zones: kind
    .word('prefer', 'ignore')
    .prefault('prefer')
    .describe(
      "`prefer`: endpoints in the sidecar's own `zone` first, the others as far as those cannot carry the load.",
    ),
})

export const balanceSchema = kind.choice(
  `one of ${listWords(policies)}, or a mapping with a policy`,
  [policy(), balanceMapping],
  kind.meantWord(policies),
)

export const slowStartSchema = kind.mapping({
  window: kind.duration().prefault('30s').describe('Time until it has its whole share.'),
  aggression: kind
    .number(0.1, 10)
    .prefault(1)
    .describe(
      'The share is `t^(1/aggression)`, t being how much of the window has passed. `1`: it grows evenly.',
    ),
  minimum: kind.percent(1).prefault('10%').describe('Share at the beginning.'),
})

export const stickySchema = kind.mapping({
  cookie: cookieName().describe('Name of the cookie.'),
  ttl: kind
    .duration(true)
    .prefault('1h')
    .describe('How long the caller keeps it, from when it is set. `0s`: until the browser ends.'),
  path: kind
    .text('a path such as /', 'path', (input) => /^\/[!-:<-~]*$/.test(input))
    .prefault('/')
    .describe('Path of the requests that it is sent with.'),
  keyFile: kind
    .filePath('secrets/sticky.key')
    .optional()
    .describe(
      'File of a secret that endpoints are named with, the same for all sidecars that share sessions. Without it whoever guesses an address can find its name.',
    ),
})
