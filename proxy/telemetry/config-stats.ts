/** How loading the configuration went. */
export class ConfigStats {
  /** Hash of the configuration in force, "" before the first. */
  hash: string
  /** Whether the last attempt succeeded; null before the first. */
  lastSucceeded: boolean | null
  /** When one was last loaded, in milliseconds since 1970; 0 before the first. */
  loadedAt: number
  succeeded: number
  failed: number

  constructor() {
    this.hash = ''
    this.lastSucceeded = null
    this.loadedAt = 0
    this.succeeded = 0
    this.failed = 0
  }

  /** A configuration took force. `wall` is the time in milliseconds since 1970. */
  recordLoad(hash: string, wall: number): void {
    this.hash = hash
    this.loadedAt = wall
    this.lastSucceeded = true
    this.succeeded += 1
  }

  /** A configuration was refused; the one before stays. */
  recordFailure(): void {
    this.lastSucceeded = false
    this.failed += 1
  }
}
