import { PrincipalPattern } from '../../certs/principal.ts'
import type { SpiffeId } from '../../certs/spiffe-id.ts'
import type { AuthorizeRule } from '../../config/types.ts'
import { type Head, pathOf } from '../message/head.ts'

interface CompiledRule {
  readonly principals: readonly PrincipalPattern[] | null
  readonly methods: ReadonlySet<string> | null
  readonly paths: readonly string[] | null
}

/**
 * Who may do what: deny wins; without rules everybody may; once there is any rule, what no allow rule names is denied.
 */
export class Authorization {
  readonly #allow: readonly CompiledRule[]
  readonly #deny: readonly CompiledRule[]

  constructor(rules: readonly AuthorizeRule[]) {
    this.#allow = rules.filter((rule) => rule.action === 'allow').map(compile)
    this.#deny = rules.filter((rule) => rule.action === 'deny').map(compile)
  }

  /** "" when the request is allowed, otherwise why not. `principal` is null for a caller without identity. */
  refusal(principal: SpiffeId | null, head: Head): string {
    const who = principal === null ? 'a caller without identity' : String(principal)
    const what = `${head.method} ${head.path}`
    if (this.#deny.some((rule) => matches(rule, principal, head))) return `a rule denies ${who} ${what}`
    if (this.#allow.length === 0 && this.#deny.length === 0) return ''
    if (this.#allow.some((rule) => matches(rule, principal, head))) return ''
    return `no rule allows ${who} ${what}`
  }
}

function compile(rule: AuthorizeRule): CompiledRule {
  return {
    principals: rule.principals?.map((principal) => new PrincipalPattern(principal)) ?? null,
    methods: rule.methods === null ? null : new Set(rule.methods),
    paths: rule.paths,
  }
}

function matches(rule: CompiledRule, principal: SpiffeId | null, head: Head): boolean {
  if (rule.principals !== null) {
    if (principal === null || !rule.principals.some((pattern) => pattern.matches(principal))) return false
  }
  if (rule.methods !== null && !rule.methods.has(head.method)) return false
  if (rule.paths === null) return true
  const path = pathOf(head.path)
  return rule.paths.some((pattern) =>
    pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern,
  )
}
