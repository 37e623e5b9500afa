import { PrincipalPattern } from '../../certs/principal.ts'
import type { SpiffeId } from '../../certs/spiffe-id.ts'
import type { AuthorizeRule } from '../../config/types/listener.ts'
import { type Head, pathOf } from '../message/head.ts'
import { isEscapedTwice, otherReadings } from '../message/path.ts'

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
  readonly #judgesPaths: boolean

  constructor(rules: readonly AuthorizeRule[]) {
    this.#allow = rules.filter((rule) => rule.action === 'allow').map(compile)
    this.#deny = rules.filter((rule) => rule.action === 'deny').map(compile)
    this.#judgesPaths = rules.some((rule) => rule.paths !== null)
  }

  /**
   * "" when the request is allowed, otherwise why not. Its path is normalised; `principal` is null for a caller without
   * identity.
   */
  refusal(principal: SpiffeId | null, head: Head): string {
    if (this.#allow.length === 0 && this.#deny.length === 0) return ''
    const path = pathOf(head.path)
    const refusal = this.#judge(principal, head, path)
    if (refusal !== '' || !this.#judgesPaths) return refusal
    // Servers read some paths in other ways. A rule about a path must not be passed by under another name for it.
    if (isEscapedTwice(path)) return `the path of ${say(principal, head)} is escaped twice`
    for (const reading of otherReadings(path)) {
      const other = this.#judge(principal, head, reading)
      if (other !== '') return `${other}, which can be read as ${reading}`
    }
    return ''
  }

  #judge(principal: SpiffeId | null, head: Head, path: string): string {
    if (this.#deny.some((rule) => matches(rule, principal, head, path)))
      return `a rule denies ${say(principal, head)}`
    if (this.#allow.some((rule) => matches(rule, principal, head, path))) return ''
    return `no rule allows ${say(principal, head)}`
  }
}

function say(principal: SpiffeId | null, head: Head): string {
  return `${principal === null ? 'a caller without identity' : principal} ${head.method} ${head.path}`
}

function compile(rule: AuthorizeRule): CompiledRule {
  return {
    principals: rule.principals?.map((principal) => new PrincipalPattern(principal)) ?? null,
    methods: rule.methods === null ? null : new Set(rule.methods),
    paths: rule.paths,
  }
}

function matches(rule: CompiledRule, principal: SpiffeId | null, head: Head, path: string): boolean {
  if (rule.principals !== null) {
    if (principal === null || !rule.principals.some((pattern) => pattern.matches(principal))) return false
  }
  if (rule.methods !== null && !rule.methods.has(head.method)) return false
  if (rule.paths === null) return true
  return rule.paths.some((pattern) =>
    pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern,
  )
}
