import type { Identity } from '../identity.ts'
import type { Launch } from '../process.ts'
import type { Protocol } from '../scenarios.ts'

/** Where a proxy listens and forwards to, always on 127.0.0.1. */
export interface CompetitorSetup {
  readonly protocol: Protocol
  readonly listenPort: number
  readonly upstreamPort: number
  readonly identity: Identity
  /** Started only to be checked, not to be measured. */
  readonly rehearsal: boolean
  /** An empty folder of its own for configuration and state. */
  readonly folder: string
}

/** One competitor. All add `x-request-id` and `x-forwarded-for`, keep upstream connections and write no access log. */
export interface Competitor {
  readonly name: string
  /** Looked for in PATH. */
  readonly command: string
  /** The Debian package that brings the command. */
  readonly debianPackage: string
  /** False if it cannot make a new `x-request-id` per request; it then adds a constant one. */
  readonly uniqueRequestId: boolean
  /** Writes its configuration into the folder and says how it is started. */
  launch(setup: CompetitorSetup): Promise<Launch>
}
