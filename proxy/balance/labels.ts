import type { Endpoint } from './endpoint.ts'

export type Labels = Readonly<Record<string, string>>

/** Whether an endpoint has all of these labels. */
export function hasLabels(endpoint: Endpoint, labels: Labels): boolean {
  for (const name in labels) if (endpoint.labels[name] !== labels[name]) return false
  return true
}
