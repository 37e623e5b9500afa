import type { Exchange, FieldList } from './ledger.ts'

/** What concerns one hop, or is what a proxy adds. */
const NOT_END_TO_END = new Set([
  'connection',
  'host',
  'te',
  'transfer-encoding',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-request-id',
  'via',
])

/**
 * What each end of an exchange has got of the other, without what concerns single hops. That bodies are those that were
 * sent is known already. Trailers count where every way there can carry them.
 */
export function transcript(exchange: Exchange): object {
  const { plan, reply } = exchange
  const [got] = exchange.tries
  const trailing = plan.takesTrailers || exchange.protocols.startsWith('h2')
  return {
    tries: exchange.tries.length,
    request: {
      method: plan.method,
      fields: endToEnd(got?.fields ?? []),
      bytes: got?.received,
      over: got?.over,
      trailers: plan.declared ? null : got?.trailers,
    },
    reply: {
      status: reply.status,
      interims: reply.interims,
      fields: endToEnd(reply.fields),
      bytes: reply.received,
      over: reply.over,
      trailers: got?.plan.declared === false && trailing ? reply.trailers : null,
    },
  }
}

function endToEnd(fields: FieldList): string[] {
  return fields
    .filter(([name, value]) => {
      // An empty body may be announced or not: that is the next hop's choice.
      if (name === 'content-length' && value === '0') return false
      return !name.startsWith(':') && !NOT_END_TO_END.has(name)
    })
    .map(([name, value]) => `${name}: ${value}`)
    .sort()
}
