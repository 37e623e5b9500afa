import { BoundedCounts } from './bounded-counts.ts'
import type { Direction } from './request-stats.ts'
import type { Labels } from './samples.ts'

/** What happened at one listener. Owners write the fields directly. */
export class ListenerStats {
  readonly name: string
  readonly direction: Direction
  readonly labels: Labels
  /** Connections open now. */
  connections: number
  /** Connections accepted so far. */
  connectionsOpened: number
  /** Connections that turned out to speak HTTP/1. */
  http1: number
  /** Connections that turned out to speak HTTP/2. */
  http2: number
  /** TLS handshakes completed. */
  tlsHandshakes: number
  /** Tunnels open now (CONNECT, WebSocket). */
  tunnels: number
  /** Requests the authorization rules refused. */
  denied: number
  /** Connections closed before their first request, by reason. */
  readonly connectionsRefused: BoundedCounts
  /** TLS handshakes that failed or were refused, by reason. */
  readonly tlsFailures: BoundedCounts
  /** Connections and streams ended for breaking the protocol, by error code. */
  readonly protocolErrors: BoundedCounts
  /** Times a limit was reached, by the key of the configuration that sets it. */
  readonly limits: BoundedCounts
  /** Replies the proxy made itself, by reason code. */
  readonly localReplies: BoundedCounts

  constructor(name: string, direction: Direction) {
    this.name = name
    this.direction = direction
    this.labels = { listener: name }
    this.connections = 0
    this.connectionsOpened = 0
    this.http1 = 0
    this.http2 = 0
    this.tlsHandshakes = 0
    this.tunnels = 0
    this.denied = 0
    this.connectionsRefused = new BoundedCounts('reason')
    this.tlsFailures = new BoundedCounts('reason')
    this.protocolErrors = new BoundedCounts('code')
    this.limits = new BoundedCounts('limit', 64)
    this.localReplies = new BoundedCounts('reason')
  }
}
