import { isIPv4, isIPv6 } from 'node:net'
import { type Answer, decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet'

/** The types of records that are asked for. */
export type Wanted = 'A' | 'AAAA' | 'SRV'

export interface Question {
  /** Without a dot at its end. */
  readonly name: string
  readonly type: Wanted
}

/** What a server said, as far as it matters. */
export interface Reply {
  /** Response code, 0 to 15: see below. */
  readonly code: number
  /** It did not fit. */
  readonly truncated: boolean
  /** The server speaks for the name itself. */
  readonly authoritative: boolean
  readonly answers: readonly Answer[]
  readonly authorities: readonly Answer[]
  readonly additionals: readonly Answer[]
}

// Response codes (RFC 1035 §4.1.1).
export const NO_ERROR = 0
export const FORMAT_ERROR = 1
export const NAME_ERROR = 3
export const NOT_IMPLEMENTED = 4

// Flags (RFC 1035 §4.1.1).
const TRUNCATED = 0x0200
const AUTHORITATIVE = 0x0400

const CODES = ['no error', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

export function nameOfCode(code: number): string {
  return CODES[code] ?? `response code ${code}`
}

/** Bytes of a reply that we take over UDP: what passes everywhere without fragments (RFC 9715 §3). */
const UDP_PAYLOAD = 1232

/** A query of `question`; with EDNS (RFC 6891) unless a server does not know that. */
export function encodeQuestion(question: Question, id: number, edns: boolean): Buffer {
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name: question.name, type: question.type, class: 'IN' }],
    additionals: edns
      ? [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: UDP_PAYLOAD,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  })
}

/**
 * The reply to `question` with this id, or null: what answers something else, or cannot be read, may come from anybody and
 * says nothing (RFC 5452 §9.1).
 */
export function decodeReply(bytes: Buffer, question: Question, id: number): Reply | null {
  let packet: Packet
  try {
    packet = decode(bytes)
  } catch {
    return null
  }
  if (packet.type !== 'response' || packet.id !== id) return null
  const code = (packet.flags ?? 0) & 15
  const asked = packet.questions ?? []
  // A server that could not read the question may leave it out.
  if (asked.length > 1 || (asked.length === 0 && code !== FORMAT_ERROR && code !== NOT_IMPLEMENTED))
    return null
  const [echoed] = asked
  if (echoed !== undefined) {
    if (echoed.type !== question.type || (echoed.class ?? 'IN') !== 'IN') return null
    if (!isSameName(echoed.name, question.name)) return null
  }
  const { answers = [], authorities = [], additionals = [] } = packet
  if (![...answers, ...authorities, ...additionals].every(isWhole)) return null
  return {
    code,
    truncated: ((packet.flags ?? 0) & TRUNCATED) !== 0,
    authoritative: ((packet.flags ?? 0) & AUTHORITATIVE) !== 0,
    answers,
    authorities,
    additionals,
  }
}

/** Of a message that is cut within a record the decoder makes what it can: an address such as 10.0.0.undefined. */
function isWhole(answer: Answer): boolean {
  if (answer.type === 'OPT') return true
  if (!isNumber(answer.ttl)) return false
  switch (answer.type) {
    case 'A':
      return isIPv4(answer.data)
    case 'AAAA':
      return isIPv6(answer.data)
    case 'CNAME':
      return typeof answer.data === 'string'
    case 'SOA':
      return isNumber(answer.data.minimum)
    case 'SRV': {
      const { target, port, priority, weight } = answer.data
      return typeof target === 'string' && isNumber(port) && isNumber(priority) && isNumber(weight)
    }
    default:
      return true
  }
}

function isNumber(value: unknown): boolean {
  return Number.isInteger(value)
}

/** Names are the same whatever their case (RFC 4343). */
export function isSameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}
