import * as kind from './kinds.ts'
import { isViaName, parseAuthority } from './values.ts'

/** The keys of a listener that say how it reads what a request is named and who sent it. */
export const requestKeys = {
  hosts: kind
    .list(
      kind.parsed(
        'a host such as shop.mesh, with a port if only that one counts, or *.mesh',
        'authority',
        parseAuthority,
      ),
      'a list of hosts such as [shop.mesh, "*.shop.mesh"]',
    )
    .optional()
    .describe(
      'What the listener answers for, as in `match.authority`; requests for another host, or for none, get 421. Without it every host.',
    ),
  matchServerName: kind
    .flag()
    .prefault(false)
    .describe(
      'Whether the host of a request over TLS has to be the name asked for in the handshake (SNI); others get 421. A host that is an address goes without a name.',
    ),
  paths: kind
    .mapping({
      escapedSlashes: kind
        .word('refuse', 'keep')
        .prefault('refuse')
        .describe(
          'What becomes of a request with `%2F` in its path. `refuse`: 400. `keep`: it stays `%2F` in rules, routes and towards the upstream, and rules have to hold with `/` in its place too.',
        ),
      mergeSlashes: kind
        .flag()
        .prefault(true)
        .describe('Whether `//` in a path becomes `/`. Without it rules have to hold for both.'),
    })
    .prefault({})
    .describe(
      'The form that paths are given before they are matched, authorized, forwarded and logged. Dot segments are always resolved, and what can be read in two ways is refused.',
    ),
  forwarded: kind
    .mapping({
      trust: kind
        .word('mesh', 'always', 'never')
        .prefault('mesh')
        .describe(
          'Who is believed about earlier hops. `mesh`: peers with a certificate, and every caller of an outbound listener. `always`: every caller. `never`: none.',
        ),
      trustedHops: kind
        .wholeNumber(0, 32)
        .prefault(0)
        .describe(
          'How many proxies of yours stand before a caller that is not believed: of the addresses such a caller reports, this many count, from the right. Nobody else may reach the listener.',
        ),
      write: kind
        .word('x-forwarded', 'forwarded', 'both')
        .prefault('x-forwarded')
        .describe(
          'What the upstream is told earlier hops in: `X-Forwarded-For` and its relatives, `Forwarded` (RFC 7239), or both.',
        ),
    })
    .prefault({})
    .describe('What is believed and told about the hops a request has taken.'),
  via: kind
    .orOff(
      'a name of letters, digits and signs such as pillion',
      kind.text('a name of letters, digits and signs such as pillion, or off', 'name', isViaName),
    )
    .prefault('pillion')
    .describe(
      'The name of this sidecar in the `Via` of requests; the same name 32 times there is a loop, and gets 508. `off`: `Via` stays as it came.',
    ),
}
