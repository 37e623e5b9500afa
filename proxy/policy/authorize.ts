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
 * What another reader may resolve to a different path: dot segments, empty segments, backslashes, `;` parameters, and escaped
 * forms of slash, backslash, percent and of what needs no escape (RFC 3986 §2.3, §5.2.4, §6.2.2).
 */
const AMBIGUOUS = /\/\.{1,2}(?:\/|$)|\/\/|[\\;]|%(?:00|2[5def]|3\d|[46][1-9a-f]|[57][\da]|5[cf]|7e)/i

/**
 * Who may do what: deny wins; without rules everybody may; once there is any rule, what no allow rule names is denied.
 */
export class Authorization {
  readonly #allow: readonly CompiledRule[]
  readonly #deny: readonly CompiledRule[]
  readonly #judgesPaths: boolean

  constructor(rules: readonly AuthorizeRule[]) {
    this.#allow = rules.filter((rule) => rule.action === 'allow').map(compile)
    this.#deny = rules.filter((rule) => rule.action === 'deny').map(compile)
    this.#judgesPaths = rules.some((rule) => rule.paths !== null)
  }

  /** "" when the request is allowed, otherwise why not. `principal` is null for a caller without identity. */
  refusal(principal: SpiffeId | null, head: Head): string {
    const who = principal === null ? 'a caller without identity' : String(principal)
    const what = `${head.method} ${head.path}`
    // A rule about one path must not be passed by under another name for it.
    if (this.#judgesPaths && AMBIGUOUS.test(pathOf(head.path)))
      return `the path of ${what} can be read in two ways`
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
