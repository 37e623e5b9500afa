/** Which addresses of a name are used; `prefer-*`: the others only where the name has none of these. */
export type AddressFamily = 'prefer-ipv4' | 'prefer-ipv6' | 'ipv4' | 'ipv6' | 'all'

/** A name server. */
export interface ResolverAddress {
  /** IP address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

export interface DnsConfig {
  readonly kind: 'dns'
  /** A name with a dot at its end is complete; others are looked for in the search domains too. */
  readonly name: string
  /** `null`: the name is that of a service (SRV), whose records say the ports. */
  readonly port: number | null
  readonly family: AddressFamily
  /** Empty: those of /etc/resolv.conf. */
  readonly resolvers: readonly ResolverAddress[]
  /** Shortest and longest time between two look-ups, whatever the records say, in milliseconds. */
  readonly minTtl: number
  readonly maxTtl: number
  /** How long the endpoints are kept when the name has no address any more, in milliseconds. */
  readonly keepEmpty: number
}

export interface EndpointFileConfig {
  readonly kind: 'file'
  /** Absolute path. */
  readonly file: string
}

/** Where the endpoints of an upstream come from when the configuration does not list them. */
export type DiscoveryConfig = DnsConfig | EndpointFileConfig
