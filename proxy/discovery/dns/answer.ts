import type { Answer } from 'dns-packet'
import {
  isSameName,
  NAME_ERROR,
  NO_ERROR,
  nameOfCode,
  type Question,
  type Reply,
  type Wanted,
} from './message.ts'

/** A record of a type that is asked for. */
export interface DnsRecord {
  /** Of an A or AAAA record, else empty. */
  readonly address: string
  /** Of an SRV record, else empty. */
  readonly target: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/** What came of a question. Times are in seconds. */
export type DnsResult =
  | {
      readonly kind: 'records'
      readonly records: readonly DnsRecord[]
      readonly ttl: number
      readonly reply: Reply
    }
  /** The name leads to another, about which nothing was said. */
  | { readonly kind: 'alias'; readonly name: string; readonly ttl: number }
  /** There is no such name, or it has no such record. */
  | { readonly kind: 'empty'; readonly why: string; readonly ttl: number }
  | { readonly kind: 'failed'; readonly code: string; readonly why: string }

/** What came of a question once all aliases have been followed. */
export type FinalResult = Exclude<DnsResult, { readonly kind: 'alias' }>

/** Names that a chain of aliases may have. */
export const MAX_ALIASES = 8

export const TOO_LONG: FinalResult = {
  kind: 'failed',
  code: 'loop',
  why: `more than ${MAX_ALIASES} aliases, one behind the other`,
}

/** Reads a reply: follows the aliases (CNAME) in it, and takes the shortest time to live of the chain. */
export function readReply(reply: Reply, question: Question): DnsResult {
  if (reply.code !== NO_ERROR && reply.code !== NAME_ERROR) {
    const text = nameOfCode(reply.code)
    return { kind: 'failed', code: /^[A-Z]+$/.test(text) ? text.toLowerCase() : 'other', why: text }
  }
  let name = question.name
  let ttl = Number.POSITIVE_INFINITY
  for (let aliases = 0; aliases <= MAX_ALIASES; aliases++) {
    const { records, ttl: least } = recordsOf(reply.answers, name, question.type)
    if (records.length > 0) return { kind: 'records', records, ttl: Math.min(ttl, least), reply }
    const alias = reply.answers.find((each) => each.type === 'CNAME' && isSameName(each.name, name))
    if (alias === undefined || alias.type !== 'CNAME') return nothing(reply, question, name, ttl)
    ttl = Math.min(ttl, alias.ttl ?? 0)
    name = alias.data
  }
  return TOO_LONG
}

/** Nothing was said about `name`, the last of the chain. */
function nothing(reply: Reply, question: Question, name: string, ttl: number): DnsResult {
  const { code, authoritative, authorities } = reply
  const why = code === NAME_ERROR ? 'no such name (NXDOMAIN)' : `it has no ${question.type} record`
  const denial = negativeTtl(reply)
  // It names other servers instead of asking them: that is no answer.
  if (
    code === NO_ERROR &&
    denial === null &&
    !authoritative &&
    authorities.some(({ type }) => type === 'NS')
  ) {
    return { kind: 'failed', code: 'lame', why: 'the name server does not look names up for others' }
  }
  if (isSameName(name, question.name) || code === NAME_ERROR || denial !== null) {
    return { kind: 'empty', why, ttl: Math.min(ttl, denial ?? 0) }
  }
  return { kind: 'alias', name, ttl }
}

/** The records of a name and the shortest time that one of them may be kept. */
export function recordsOf(
  answers: readonly Answer[],
  name: string,
  type: Wanted,
): { records: DnsRecord[]; ttl: number } {
  const records: DnsRecord[] = []
  let ttl = Number.POSITIVE_INFINITY
  for (const answer of answers) {
    if (answer.type !== type || !isSameName(answer.name, name)) continue
    ttl = Math.min(ttl, answer.ttl ?? 0)
    if (answer.type === 'SRV') {
      const { target, port, priority = 0, weight = 0 } = answer.data
      records.push({ address: '', target, port, priority, weight })
    } else if (answer.type === 'A' || answer.type === 'AAAA') {
      records.push({ address: answer.data, target: '', port: 0, priority: 0, weight: 0 })
    }
  }
  return { records, ttl }
}

/** How long it may be kept that there is nothing (RFC 2308 §5); null when the reply does not say. */
function negativeTtl(reply: Reply): number | null {
  for (const answer of reply.authorities)
    if (answer.type === 'SOA') return Math.min(answer.ttl ?? 0, answer.data.minimum ?? 0)
  return null
}
