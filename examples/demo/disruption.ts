import type { Instance } from './instance.ts'
import type { Traffic } from './traffic.ts'
import { sleep } from './waiting.ts'

/** A way for an instance to go away while `traffic` calls it. */
export interface Disruption {
  /** Completes the sentence "orders-1: ...". */
  readonly what: string
  strike(instance: Instance, traffic: Traffic, signal: AbortSignal): Promise<void>
}

/** How long a hanging instance gathers calls that it does not answer, in milliseconds. */
const HANG = 300

/*
 * A response that has begun to pass through cannot be taken back: when the instance dies then, the call is lost. So that
 * the outcome does not hang on that chance, an instance freezes or dies between two calls. The calls that come
 * to a frozen one are under way, unanswered, when it is killed.
 */

export const SERVICE_KILLED: Disruption = {
  what: 'the service hangs and is killed, its sidecar stays',
  strike: async (instance, traffic, signal) => {
    await traffic.between(() => instance.freezeService())
    await sleep(HANG, signal)
    await instance.killService()
  },
}

export const BOTH_KILLED: Disruption = {
  what: 'service and sidecar hang and are killed together',
  strike: async (instance, traffic, signal) => {
    await traffic.between(() => instance.freeze())
    await sleep(HANG, signal)
    await instance.kill()
  },
}

/** For calls that must not be repeated: none is under way. */
export const BOTH_KILLED_IDLE: Disruption = {
  what: 'service and sidecar are killed together',
  strike: async (instance, traffic) => {
    await traffic.between(() => instance.killNow())
    await instance.kill()
  },
}

export const BOTH_STOPPED: Disruption = {
  what: 'service and sidecar are stopped in order',
  strike: (instance) => instance.stop(),
}
