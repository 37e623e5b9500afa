import type { Caller } from '../downstream/caller.ts'
import { hyphenated } from '../message/field-name.ts'
import { Fields } from '../message/fields.ts'
import { Head } from '../message/head.ts'

/** What this sidecar says of itself and of the caller to the next hop; fixed for a connection. */
export interface Forwarding {
  readonly caller: Caller
  /** Our own SPIFFE ID, null without an identity. */
  readonly self: string | null
  /** Whether what the caller says about earlier hops is believed: it is a mesh peer, or the application beside us. */
  readonly trusted: boolean
  readonly inbound: boolean
}

/** What only this sidecar says. */
function isOurs(name: string): boolean {
  const plain = hyphenated(name)
  return plain === CERTIFICATE || plain.startsWith('x-pillion-')
}

/** What hops before this one say of the request. */
function isForwarding(name: string): boolean {
  const plain = hyphenated(name)
  return plain.startsWith('x-forwarded-') || plain === 'forwarded' || plain === 'x-real-ip'
}

const FOR = 'x-forwarded-for'
const PROTO = 'x-forwarded-proto'
const CERTIFICATE = 'x-forwarded-client-cert'

/**
 * The head to send upstream in place of `head`: forwarding fields of callers that are not trusted are dropped, ours are
 * added. What the proxy decides by itself (identity, reasons) is never taken from a caller.
 */
export function forwardedHead(head: Head, scheme: string, forwarding: Forwarding): Head {
  const { caller, trusted, inbound, self } = forwarding
  const names: string[] = []
  const values: string[] = []
  let forwardedFor = ''
  let proto = ''
  for (let i = 0; i < head.fields.names.length; i++) {
    const name = head.fields.names[i]
    const value = head.fields.values[i]
    if (name === FOR) {
      if (trusted) forwardedFor = forwardedFor === '' ? value : `${forwardedFor}, ${value}`
    } else if (name === PROTO) {
      if (trusted && proto === '') proto = value
    } else if (!isOurs(name) && (trusted || !isForwarding(name))) {
      names.push(name)
      values.push(value)
    }
  }
  names.push(FOR, PROTO)
  values.push(
    forwardedFor === '' ? caller.address : `${forwardedFor}, ${caller.address}`,
    proto === '' ? (caller.tls ? 'https' : 'http') : proto,
  )
  if (inbound && caller.principal !== null) {
    names.push(CERTIFICATE)
    values.push(`${self === null ? '' : `By=${self};`}URI=${caller.principal}`)
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
