/** How an endpoint of the chaos test behaves while it runs. */
export type Mode = (typeof MODES)[number]

/**
 * `fine`; `slow`: late, but not too late; `refuse`: resets every connection, those that are open too; `cut`: takes a
 * request, then resets; `half`: the same once the head of a gRPC response has left; `error`: 503 and UNAVAILABLE at
 * once, while its health checks pass.
 */
const MODES = ['fine', 'slow', 'refuse', 'cut', 'half', 'error'] as const

/** What can be the matter with one: `kill` is SIGKILL, `hang` SIGSTOP. */
export type Fault = 'kill' | 'hang' | Exclude<Mode, 'fine'>

export const FAULTS: readonly Fault[] = ['kill', 'hang', 'slow', 'refuse', 'cut', 'half', 'error']

export function isMode(text: string): text is Mode {
  return (MODES as readonly string[]).includes(text)
}
