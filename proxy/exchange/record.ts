import type { Exchange } from './exchange.ts'

/** Counts and logs an exchange that is over, once; `status` is what the caller got, or would have. */
export function recordEnd(exchange: Exchange, status: number): void {
  const { stats, context } = exchange
  exchange.attempt?.release()
  exchange.cluster?.requestEnded(exchange.retrying)
  stats.requestBytes += exchange.requestBytes
  stats.responseBytes += exchange.responseBytes
  stats.record(status, exchange.grpcStatus, context.clock.now() - exchange.startedAt)
  if (context.accessLog !== null) context.logAccess(exchange, status)
}
