/** Certificates of a peer that speaks TLS, as PEM. */
export interface TlsMaterial {
  readonly cert: string
  readonly key: string
  /** Roots to check the other side with. A server that has them demands a client certificate. */
  readonly ca?: string
}
