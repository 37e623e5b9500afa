import { FAILED, type Outcome, OVERLOADED, SUCCEEDED } from '../balance/outcome.ts'

// gRPC statuses.
const RESOURCE_EXHAUSTED = 8
/** UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS: what a server says when it is the server that fails. */
const GRPC_FAILURES: ReadonlySet<number> = new Set([2, 4, 13, 14, 15])

/** What a complete response says of its endpoint. `grpcStatus` is -1 when there is none. */
export function outcomeOf(status: number, grpcStatus: number): Outcome {
  if (status >= 500 || GRPC_FAILURES.has(grpcStatus)) return FAILED
  return status === 429 || grpcStatus === RESOURCE_EXHAUSTED ? OVERLOADED : SUCCEEDED
}
