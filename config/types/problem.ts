import type { Config } from './config.ts'

/** One thing that is wrong, at one place of the file. */
export interface Problem {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units. */
  readonly column: number
  /** Such as `listeners[0].routes[1].upstream`; empty for the file as a whole. */
  readonly path: string
  readonly message: string
}

export type LoadResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] }
