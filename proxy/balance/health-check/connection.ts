import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Endpoint } from '../endpoint.ts'
import type { Dialer } from './probe.ts'

/** Called once; `error` is `null` when the socket is ready for use. */
export type Opened = (error: Error | null) => void

/**
 * Dials an endpoint and waits until TCP, and TLS where it is used, are established.
 * `opened` is never called before this returns; a caller that destroys the socket meanwhile gets an error.
 * Returns `null` when dialling itself failed. The socket keeps an error handler for its life.
 */
export function openSocket(
  dial: Dialer,
  endpoint: Endpoint,
  alpnProtocols: string[],
  opened: Opened,
): Socket | null {
  let socket: Socket
  try {
    socket = dial(endpoint, alpnProtocols)
  } catch (error) {
    process.nextTick(opened, error instanceof Error ? error : new Error(String(error)))
    return null
  }
  let failure: Error | null = null
  let over = false
  const finish = (error: Error | null): void => {
    if (over) return
    over = true
    opened(error)
  }
  socket.on('error', (error: Error) => {
    failure = error
  })
  // Told when the socket is gone for certain, with what came before.
  socket.once('close', () => finish(failure ?? new Error('connection closed before it was established')))
  socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
    // The dialer's own check of the peer may have run just before, and refused.
    if (!socket.destroyed) finish(null)
  })
  return socket
}

/** The protocol that TLS agreed on; empty without TLS or without ALPN. */
export function alpnOf(socket: Socket): string {
  return socket instanceof TLSSocket && typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : ''
}
