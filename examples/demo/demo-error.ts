/** The demo cannot go on; `message` says why, in words for the person who started it. */
export class DemoError extends Error {
  override readonly name = 'DemoError'
}

/** Somebody asked the demo to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}
