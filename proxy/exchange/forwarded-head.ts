import { hyphenated } from '../message/field-name.ts'
import { Fields } from '../message/fields.ts'
import { GRPC_TIMEOUT_FIELD } from '../message/grpc-timeout.ts'
import { Head } from '../message/head.ts'
import { REQUEST_ID_FIELD } from '../message/request-id.ts'
import { EARLIER_FIELD } from './earlier-attempts.ts'
import { type Claims, type Forwarding, NO_CLAIMS } from './forwarding.ts'

const FOR = 'x-forwarded-for'
const PROTO = 'x-forwarded-proto'
const HOST = 'x-forwarded-host'
const PORT = 'x-forwarded-port'
const FORWARDED = 'forwarded'
const VIA = 'via'
const CERTIFICATE = 'x-forwarded-client-cert'

// What a field of a request is to the head that goes upstream.
const KEPT = 0
/** Only this sidecar says it. */
const OURS = 1
/** Said of earlier hops, and passed on as it is where the caller is believed. */
const OF_HOPS = 2
/** Said of earlier hops, read and written anew. */
const READ = 3
const PASSES = 4

const ROLES = new Map<string, number>([
  [CERTIFICATE, OURS],
  [FOR, READ],
  [PROTO, READ],
  [HOST, READ],
  [PORT, READ],
  [FORWARDED, READ],
  ['x-real-ip', OF_HOPS],
  [VIA, PASSES],
  // Said by the sidecar of the caller, for the application.
  [EARLIER_FIELD, OF_HOPS],
  // Not looked at any closer, since nearly every request has it.
  [REQUEST_ID_FIELD, KEPT],
])

const [LETTER_F, LETTER_V, LETTER_X] = [0x66, 0x76, 0x78]

function roleOf(name: string): number {
  // Nearly all names are done with here.
  const first = name.charCodeAt(0)
  if (first !== LETTER_X && first !== LETTER_F && first !== LETTER_V) return KEPT
  const role = ROLES.get(name)
  if (role !== undefined) return role
  if (first !== LETTER_X) return KEPT
  const plain = hyphenated(name)
  if (plain.startsWith('x-pillion-')) return OURS
  if (plain === name) return name.startsWith('x-forwarded-') ? OF_HOPS : KEPT
  // A second name for what we say would be read beside it.
  const meant = ROLES.get(plain)
  if (meant !== undefined) return meant === READ ? OURS : meant
  return plain.startsWith('x-forwarded-') ? OF_HOPS : KEPT
}

// Filled and read within one call.
const claims: Claims = { ...NO_CLAIMS }

function forget(): void {
  claims.forwardedFor = ''
  claims.proto = ''
  claims.host = ''
  claims.port = ''
  claims.forwarded = ''
}

function read(name: string, value: string): void {
  if (name === FOR) claims.forwardedFor = joined(claims.forwardedFor, value)
  else if (name === PROTO) claims.proto = joined(claims.proto, value)
  else if (name === HOST) claims.host = joined(claims.host, value)
  else if (name === PORT) claims.port = joined(claims.port, value)
  else claims.forwarded = joined(claims.forwarded, value)
}

function joined(list: string, value: string): string {
  return list === '' ? value : `${list}, ${value}`
}

/**
 * The head to send upstream in place of `head`: what it says of earlier hops is dropped or judged, and ours is added. What
 * the proxy decides by itself (identity, reasons) is never taken from a caller.
 */
export function forwardedHead(head: Head, scheme: string, forwarding: Forwarding): Head {
  const { caller, trusted, inbound, self, viaEntry } = forwarding
  const names: string[] = []
  const values: string[] = []
  let via = ''
  let claimed = false
  for (let i = 0; i < head.fields.names.length; i++) {
    const name = head.fields.names[i]
    const value = head.fields.values[i]
    // What is left of a call's time differs from try to try.
    const role = head.grpc && name === GRPC_TIMEOUT_FIELD ? OURS : roleOf(name)
    if (role === READ) {
      if (!claimed) forget()
      claimed = true
      read(name, value)
    } else if (role === PASSES && viaEntry !== '') {
      via = joined(via, value)
    } else if (role === KEPT || role === PASSES || (role === OF_HOPS && trusted)) {
      names.push(name)
      values.push(value)
    }
  }
  const told = forwarding.tell(claimed ? claims : NO_CLAIMS)
  add(names, values, FOR, told.forwardedFor)
  add(names, values, PROTO, told.proto)
  add(names, values, HOST, told.host)
  add(names, values, PORT, told.port)
  add(names, values, FORWARDED, told.forwarded)
  if (viaEntry !== '') add(names, values, VIA, joined(via, viaEntry))
  if (inbound && caller.principal !== null) {
    add(names, values, CERTIFICATE, `${self === null ? '' : `By=${self};`}URI=${caller.principal}`)
  }
  return new Head(
    head.method,
    scheme,
    head.authority,
    head.path,
    0,
    new Fields(names, values, head.fields.sensitive),
    head.contentLength,
    head.grpc,
    head.tunnel,
  )
}

function add(names: string[], values: string[], name: string, value: string): void {
  if (value === '') return
  names.push(name)
  values.push(value)
}
