import type { MatchConfig } from '../../config/types/route.ts'
import type { Head } from '../message/head.ts'
import { compileAuthority } from './authority-match.ts'
import { compilePath } from './path-match.ts'

/** True when a request with this head belongs to the route. */
export type HeadMatch = (head: Head) => boolean

interface CompiledRoute<T> {
  readonly target: T
  /** All have to hold; the cheapest and most selective first. */
  readonly conditions: readonly HeadMatch[]
}

/** The routes of one listener in their order: the first that matches wins. */
export class RouteTable<T> {
  readonly #routes: readonly CompiledRoute<T>[]

  constructor(routes: readonly { readonly match: MatchConfig; readonly target: T }[]) {
    this.#routes = routes.map(({ match, target }) => ({ target, conditions: compileMatch(match) }))
  }

  /** The target of the first route that matches, or null. */
  find(head: Head): T | null {
    for (const route of this.#routes) {
      if (route.conditions.every((holds) => holds(head))) return route.target
    }
    return null
  }
}

function compileMatch(match: MatchConfig): HeadMatch[] {
  const conditions: HeadMatch[] = []
  if (match.authority !== null) conditions.push(compileAuthority(match.authority))
  if (match.methods !== null) {
    const methods = new Set(match.methods)
    conditions.push((head) => methods.has(head.method))
  }
  const path = compilePath(match)
  if (path !== null) conditions.push(path)
  for (const { name, kind, value } of match.headers) {
    if (kind === 'present') conditions.push((head) => head.fields.has(name))
    else if (kind === 'absent') conditions.push((head) => !head.fields.has(name))
    else if (kind === 'exact') conditions.push((head) => head.fields.joined(name) === value)
    else conditions.push((head) => head.fields.joined(name)?.startsWith(value) === true)
  }
  return conditions
}
