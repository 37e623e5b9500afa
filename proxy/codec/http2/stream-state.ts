/**
 * Stream states (RFC 9113 §5.1) as far as they exist without server push. A stream object comes to be with its first
 * HEADERS, so "idle" is the lack of one.
 *
 *             HEADERS
 *      idle ----------> open
 *                      /    \
 *      send END_STREAM/      \recv END_STREAM
 *                    v        v
 *         half-closed          half-closed
 *             (local)          (remote)
 *                    \        /
 *    recv END_STREAM  \      /  send END_STREAM
 *                      v    v
 *                      closed   <---- RST_STREAM, either way, from any of them
 */
export const OPEN = 0
/** We have sent END_STREAM. */
export const HALF_CLOSED_LOCAL = 1
/** The peer has sent END_STREAM. */
export const HALF_CLOSED_REMOTE = 2
export const CLOSED = 3

// The two halves are one bit each, so an end is an "or".

export function sentEnd(state: number): number {
  return state | HALF_CLOSED_LOCAL
}

export function receivedEnd(state: number): number {
  return state | HALF_CLOSED_REMOTE
}

export function maySend(state: number): boolean {
  return (state & HALF_CLOSED_LOCAL) === 0
}

export function mayReceive(state: number): boolean {
  return (state & HALF_CLOSED_REMOTE) === 0
}
