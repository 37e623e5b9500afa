import type { Clock } from './base/clock.ts'
import type { Logger } from './telemetry/log.ts'

/** How often the certificate's age is looked at, in milliseconds. */
const LOOK_MS = 60_000
/** Share of its life from which on a certificate is about to expire. */
const LATE = 0.7

/**
 * Speaks up before the sidecar's own certificate expires, and when it has: this version does not renew it, and peers
 * then refuse us with nothing that says why on our side.
 */
export class CertificateGuard {
  readonly #notBefore: number
  readonly #notAfter: number
  readonly #clock: Clock
  readonly #log: Logger
  readonly #interval: NodeJS.Timeout
  #told: 'nothing' | 'late' | 'expired' = 'nothing'

  /** `notBefore` and `notAfter` in milliseconds since 1970. */
  constructor(notBefore: number, notAfter: number, clock: Clock, log: Logger) {
    this.#notBefore = notBefore
    this.#notAfter = notAfter
    this.#clock = clock
    this.#log = log
    this.#interval = setInterval(() => this.look(), LOOK_MS)
    this.#interval.unref()
    this.look()
  }

  /** Why the sidecar is not ready for its certificate's sake, null when all is well. */
  problem(): string | null {
    if (this.#clock.wall() < this.#notAfter) return null
    return `the certificate expired on ${new Date(this.#notAfter).toISOString()}`
  }

  look(): void {
    const now = this.#clock.wall()
    const notAfter = new Date(this.#notAfter).toISOString()
    if (now >= this.#notAfter) {
      if (this.#told !== 'expired')
        this.#log.error({ notAfter }, `the certificate expired on ${notAfter}: peers refuse it`)
      this.#told = 'expired'
    } else if (now >= this.#notBefore + (this.#notAfter - this.#notBefore) * LATE) {
      if (this.#told !== 'late') {
        this.#log.warn(
          { notAfter },
          `the certificate expires on ${notAfter}: issue another and restart the sidecar`,
        )
      }
      this.#told = 'late'
    }
  }

  close(): void {
    clearInterval(this.#interval)
  }
}
