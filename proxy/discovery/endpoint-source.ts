import type { EndpointConfig } from '../../config/types/upstream.ts'

/** Hears what a source finds. Called at any time between `start` and `stop`. */
export interface SourceListener {
  /** All endpoints there are now, at least one, each address once. */
  found(endpoints: readonly EndpointConfig[]): void
  /** There are none, for certain; `why` completes "no endpoint: ...". */
  empty(why: string): void
  /** It could not be found out. `code` is one of a few words, for metrics; `why` is for people. */
  failed(code: string, why: string): void
}

/** Where the endpoints of an upstream come from, if they are not listed in the configuration. */
export interface EndpointSource {
  /** One of a few words, for metrics: `dns`, `file`. */
  readonly kind: string
  /** What is looked at, for people: `DNS for greeter.default.svc`. */
  readonly subject: string
  /** Whether a failure at the start is worth waiting for what comes of the next try. */
  readonly patient: boolean
  /** Looks, and goes on looking. */
  start(listener: SourceListener): void
  /** Ends it, with what is under way. */
  stop(): void
  /** What was found does not seem to work: looks again soon, if it may be that something has changed. */
  doubt(): void
}
