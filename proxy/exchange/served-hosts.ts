import { isIP } from 'node:net'
import type { Caller } from '../downstream/caller.ts'
import { hostOf } from '../message/authority.ts'
import { type Head, TUNNEL_CONNECT } from '../message/head.ts'
import { compileAuthority } from '../route/authority-match.ts'
import type { HeadMatch } from '../route/route-table.ts'

/** Which hosts a listener answers for, and over which connections (RFC 9110 §7.4, §15.5.20). */
export class ServedHosts {
  /** Null: every host. */
  readonly #patterns: readonly HeadMatch[] | null
  readonly #matchServerName: boolean

  constructor(hosts: readonly string[] | null, matchServerName: boolean) {
    this.#patterns = hosts === null ? null : hosts.map(compileAuthority)
    this.#matchServerName = matchServerName
  }

  /** "" when the request is for here, otherwise why not. */
  refusal(head: Head, caller: Caller): string {
    if (this.#patterns !== null && !this.#patterns.some((holds) => holds(head))) {
      return head.authority === '' ? 'it names no host' : `it is for ${head.authority}`
    }
    // CONNECT names the other end of a tunnel, not the server that is asked for one (RFC 9110 §9.3.6).
    if (!this.#matchServerName || !caller.tls || head.tunnel === TUNNEL_CONNECT) return ''
    const host = hostOf(head.authority)
    if (host !== '' && host === caller.serverName) return ''
    // RFC 6066 §3: who wants an address names no server.
    if (caller.serverName === '' && isIP(host.replace(/^\[|\]$/g, '')) !== 0) return ''
    const asked = caller.serverName === '' ? 'no server' : caller.serverName
    return `it is for ${host === '' ? 'no host' : host}, over a connection that asked for ${asked}`
  }
}
