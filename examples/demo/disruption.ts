import type { Instance } from './instance.ts'

/** A way for an instance to go away. */
export interface Disruption {
  /** Completes the sentence "orders-1: ...". */
  readonly what: string
  strike(instance: Instance): Promise<void>
}

export const SERVICE_KILLED: Disruption = {
  what: 'the service is killed, its sidecar stays',
  strike: (instance) => instance.killService(),
}

export const BOTH_KILLED: Disruption = {
  what: 'service and sidecar are killed together',
  strike: (instance) => instance.kill(),
}

export const BOTH_STOPPED: Disruption = {
  what: 'service and sidecar are stopped in order',
  strike: (instance) => instance.stop(),
}
