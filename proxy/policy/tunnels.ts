/** Which tunnels a route opens, and how long they may be silent. */
export interface TunnelPolicy {
  /** Values of `Head.tunnel`. */
  readonly allowed: ReadonlySet<string>
  /** A tunnel in which nothing moves either way is cut after so many milliseconds; null: never. */
  readonly idleMs: number | null
}

/** No tunnel at all. */
export const NO_TUNNELS: TunnelPolicy = { allowed: new Set(), idleMs: null }
