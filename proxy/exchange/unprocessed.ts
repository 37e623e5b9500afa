import { REASON_FIELD, UNPROCESSED_FIELD } from '../downstream/local-reply.ts'
import { Fields } from '../message/fields.ts'
import { Head } from '../message/head.ts'
import { type Reason, reasons } from '../message/reason.ts'
import type { Cluster } from './cluster.ts'
import type { Exchange } from './exchange.ts'

/**
 * Whether a reply of ours tells the sidecar that asked that no application has processed anything of the request, so that
 * it can ask elsewhere. Only peers of the mesh are told.
 */
export function tellsUnprocessed(exchange: Exchange, reason: Reason): boolean {
  return (
    exchange.context.meshed && reason.unprocessed && reason.fault === 'upstream' && exchange.earlier === 0
  )
}

/** Whether the response is such a reply, as far as this endpoint is believed. Only errors are: others cost nothing here. */
export function isMarked(exchange: Exchange, head: Head, end: boolean): boolean {
  return (head.status === 503 || (end && exchange.request.grpc)) && head.fields.has(UNPROCESSED_FIELD)
}

/** Why a marked response was made, null when its endpoint is not known to be one of the mesh. */
export function toldReason(exchange: Exchange, head: Head): Reason | null {
  if (!(exchange.cluster as Cluster).meshed) return null
  // The endpoint's own overload, passed on: no reason to storm others.
  const refused = head.fields.get(REASON_FIELD) === reasons.refusedStream.code
  return refused ? reasons.refusedStream : reasons.connectFailure
}

/** The response as the caller gets it: the mark is between sidecars. */
export function unmarked(head: Head): Head {
  const names: string[] = []
  const values: string[] = []
  for (let i = 0; i < head.fields.length; i++) {
    if (head.fields.names[i] === UNPROCESSED_FIELD) continue
    names.push(head.fields.names[i] as string)
    values.push(head.fields.values[i] as string)
  }
  return Head.response(head.status, new Fields(names, values, head.fields.sensitive))
}
