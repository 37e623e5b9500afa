import * as kind from './kinds.ts'
import { isHostName, parseAddress } from './values.ts'

const exampleName = 'greeter.default.svc:15006'

export const dnsMapping = kind.mapping({
  name: kind
    .text(
      `a host name and a port such as ${exampleName}, or the name of a service such as _grpc._tcp.greeter.default.svc`,
      'name',
      (input) => parseDnsName(input) !== null,
      kind.quoted,
    )
    .describe(
      'What is looked up: a host and a port, or with `type: srv` the name of a service, without port.',
    ),
  type: kind
    .word('address', 'srv')
    .prefault('address')
    .describe(
      '`address`: the addresses of a host (A and AAAA). `srv`: the hosts of a service with their ports (SRV); their priorities and weights are those of the endpoints.',
    ),
  family: kind
    .word('prefer-ipv4', 'prefer-ipv6', 'ipv4', 'ipv6', 'all')
    .prefault('prefer-ipv4')
    .describe(
      'Which addresses are used. `prefer-ipv4`: IPv6 only where there is no IPv4, and the other way round. `all`: both, each an endpoint.',
    ),
  resolvers: kind
    .list(
      kind.parsed(
        'the address of a name server such as 10.96.0.10, 127.0.0.1:5353 or "[::1]:53"',
        'address',
        parseResolver,
      ),
      'a list of at least one name server such as [10.96.0.10]',
    )
    .optional()
    .describe(
      'Name servers, asked in this order; the port is 53 unless given. By default those of `/etc/resolv.conf`.',
    ),
  minTtl: kind
    .duration()
    .prefault('1s')
    .describe('Shortest time between two look-ups, where records may be kept for less.'),
  maxTtl: kind
    .duration()
    .prefault('5m')
    .describe('Longest time between two look-ups, where records may be kept for longer.'),
  keepEmpty: kind
    .duration(true)
    .prefault('30s')
    .describe(
      'How long the endpoints are kept when the name has no address any more. `0s`: not at all. When no server answers they are kept for good.',
    ),
})

/** `dns: host:port` or a mapping. */
export const dnsSchema = kind.choice(
  `a host name and a port such as ${exampleName}, or a mapping with a name`,
  [
    kind.parsed(`a host name and a port such as ${exampleName}`, 'name', (input) => {
      const name = parseDnsName(input)
      return name === null || name.port === null ? null : input
    }),
    dnsMapping,
  ],
)

export const endpointFileSchema = kind.filePath('endpoints.yaml')

/** `host:port` or a name alone, with or without a dot at its end; `null` when it is neither. */
export function parseDnsName(text: string): { name: string; port: number | null } | null {
  const parts = /^([^:]+?)(\.?)(?::([0-9]{1,5}))?$/.exec(text)
  if (parts === null || !isHostName(parts[1]!)) return null
  const port = parts[3] === undefined ? null : Number(parts[3])
  if (port !== null && (port === 0 || port > 65_535)) return null
  return { name: `${parts[1]}${parts[2]}`, port }
}

function parseResolver(text: string): { host: string; port: number } | null {
  const bare = /^[0-9.]+$|^\[[^\]]+\]$/.test(text)
  const address = parseAddress(
    bare ? `${text}:53` : text.split(':').length > 2 && !text.startsWith('[') ? `[${text}]:53` : text,
  )
  if (address === null || address.port === 0 || isHostName(address.host)) return null
  return { host: address.host, port: address.port }
}
