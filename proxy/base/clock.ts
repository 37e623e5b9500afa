/** Time as the proxy sees it. Tests hand in a virtual clock. */
export interface Clock {
  /** Monotonic time in milliseconds, with fractions; its zero is arbitrary. */
  now(): number
  /** Wall-clock time in milliseconds since 1970, for certificates, tokens and logs only. */
  wall(): number
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
}
