import { DurationHistogram } from './duration-histogram.ts'
import type { Labels, Samples } from './samples.ts'

/** Whether requests come from other workloads or go to them. */
export type Direction = 'inbound' | 'outbound'

/** Pairs of code and gRPC status kept apart per route and upstream; later ones count as code "other". */
const MAX_OUTCOMES = 256
/** Stands for a gRPC status outside 0 to 16, which the peer made up. */
const GRPC_OTHER = 17

class Outcome {
  readonly key: number
  readonly labels: Labels
  count: number

  constructor(key: number, code: string, grpcStatus: string) {
    this.key = key
    this.labels = { code, grpc_status: grpcStatus }
    this.count = 0
  }
}

/** What became of the requests of one route sent to one upstream. Found once, then written to by plain field access. */
export class RequestStats {
  readonly labels: Labels
  readonly duration: DurationHistogram
  /** Bytes of request body passed on. */
  requestBytes: number
  /** Bytes of response body passed on. */
  responseBytes: number
  #last: Outcome
  readonly #outcomes: Map<number, Outcome>
  readonly #other: Outcome

  constructor(direction: Direction, route: string, upstream: string) {
    this.labels = { direction, route, upstream }
    this.duration = new DurationHistogram()
    this.requestBytes = 0
    this.responseBytes = 0
    this.#outcomes = new Map()
    this.#other = new Outcome(-1, 'other', '')
    this.#last = this.#other
  }

  /**
   * Counts one finished request. `status` is its HTTP status, 100 to 599, anything else counts as "other";
   * `grpcStatus` is -1 when it was no gRPC call, 0 to 16 (anything else counts as "other").
   */
  record(status: number, grpcStatus: number, durationMs: number): void {
    const grpc = grpcStatus >= -1 && grpcStatus <= 16 ? grpcStatus : GRPC_OTHER
    const key = status * 64 + grpc + 1
    let outcome = this.#last
    // Most requests end as the one before did.
    if (outcome.key !== key) {
      outcome = this.#outcomes.get(key) ?? this.#open(key, status, grpc)
      this.#last = outcome
    }
    outcome.count += 1
    this.duration.observe(durationMs)
  }

  collectOutcomes(samples: Samples): void {
    for (const outcome of this.#outcomes.values()) samples.add(outcome.count, this.labels, outcome.labels)
    if (this.#other.count > 0) samples.add(this.#other.count, this.labels, this.#other.labels)
  }

  #open(key: number, status: number, grpc: number): Outcome {
    if (!(status >= 100 && status <= 599) || this.#outcomes.size >= MAX_OUTCOMES) return this.#other
    const outcome = new Outcome(key, String(status), grpc < 0 ? '' : grpc > 16 ? 'other' : String(grpc))
    this.#outcomes.set(key, outcome)
    return outcome
  }
}
