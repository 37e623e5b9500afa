/** A TCP address. */
export interface Address {
  /** IP address or host name; an IPv6 address stands here without brackets. */
  readonly host: string
  /** 1 to 65535; 0 (any free port) only where something listens. */
  readonly port: number
  /** `host:port`, an IPv6 host in brackets: what to show and to label with. */
  readonly text: string
}
