import { setTimeout as delay } from 'node:timers/promises'
import { DemoError } from './demo-error.ts'

/** How often `until` looks, in milliseconds. */
const LOOK_MS = 100

/** Waits `ms` milliseconds. Rejects with the signal's reason when it aborts. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  try {
    await delay(ms, undefined, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}

/**
 * Looks until `look` finds something other than null. Rejects with the signal's reason when it aborts.
 * @param ms longest time, in milliseconds
 * @param what completes the sentence "waited 10 s for ..."
 * @throws DemoError when the time is over
 */
export async function until<T>(
  what: string,
  ms: number,
  signal: AbortSignal,
  look: () => Promise<T | null> | T | null,
): Promise<T> {
  const deadline = performance.now() + ms
  for (;;) {
    const found = await look()
    if (found !== null) return found
    if (performance.now() >= deadline) throw new DemoError(`waited ${ms / 1000} s for ${what}`)
    await sleep(LOOK_MS, signal)
  }
}
