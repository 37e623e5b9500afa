/**
 * Hears each time a peer reaches a limit. `limit` is the key of the configuration that sets it, such as
 * `limits.headBytes` or `http2.continuations`: what a metric's label may hold.
 */
export type LimitWatch = (limit: string) => void

/** For connections that nobody watches. */
export const UNWATCHED: LimitWatch = () => {}
