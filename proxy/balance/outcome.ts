import type { Endpoint } from './endpoint.ts'

/** How an attempt went, as far as its endpoint is concerned. */
export type Outcome = typeof SUCCEEDED | typeof FAILED | typeof OVERLOADED

/** It answered. What it said is between it and its caller. */
export const SUCCEEDED = 0
/** The endpoint's fault: connection refused or lost, a 5xx or its gRPC likes, no answer in time. */
export const FAILED = 1
/** It answered that it has too much to do: 429, RESOURCE_EXHAUSTED. Reason to send it less, not to eject it. */
export const OVERLOADED = 2

/** Hears how each attempt went that says something of its endpoint; a caller's cancellation does not. */
export interface AttemptObserver {
  /**
   * `ms` is the time from the head of the request to the head of the response, or to the failure, in milliseconds.
   * `backOffMs` is how long the endpoint asks to be left alone (Retry-After, grpc-retry-pushback-ms); 0: it does not.
   */
  attemptEnded(endpoint: Endpoint, outcome: Outcome, ms: number, backOffMs: number): void
  /** The endpoint is no member any more: whatever is kept of it goes, timers included. Nothing more is heard of it. */
  endpointRemoved?(endpoint: Endpoint): void
}
