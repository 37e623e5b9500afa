import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'
import { Transport } from './transport.ts'

// All plain-text connections read into one buffer: what arrives is used up before the next read.
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024)

/**
 * The `onread` of a socket: spares it a 64 KiB allocation per read, a fifth of the processor time of a small HTTP/1
 * exchange. To be handed to `net.connect`; `transport` is set once the connection is there.
 */
export class SharedRead implements OnReadOpts {
  readonly buffer = READ_BUFFER
  transport: Transport | null = null
  readonly callback = (bytes: number): boolean => {
    this.transport?.received(READ_BUFFER.subarray(0, bytes))
    return true
  }
}

/** What Node keeps behind a socket; `useUserBuffer` is what `onread` comes down to. */
interface Handle {
  readonly useUserBuffer?: unknown
  reading: boolean
}

/**
 * The transport of an accepted connection. `net.Server` offers no `onread` for what it accepts, so the connection moves
 * to a socket that has it. Where Node does not allow that the socket itself is used, a little slower.
 *
 * `socket` was accepted with `pauseOnConnect` and has no listeners that matter: it is an empty shell afterwards. The
 * caller starts the transport.
 */
export function acceptedTransport(socket: Socket): Transport {
  const shell = socket as unknown as { _handle: Handle | null }
  const handle = shell._handle
  if (handle === null || typeof handle?.useUserBuffer !== 'function') return new Transport(socket)
  const onread = new SharedRead()
  // `handle` and `pauseOnCreate` are what net.Server itself passes; they are missing in the types.
  const moved = new Socket({
    allowHalfOpen: true,
    onread,
    handle,
    pauseOnCreate: true,
  } as SocketConstructorOpts)
  shell._handle = null
  onread.transport = new Transport(moved)
  return onread.transport
}
