import type { TimerWheel } from '../../base/timer-wheel.ts'
import type { LimitWatch } from '../../message/limit-watch.ts'
import type { Reason } from '../../message/reason.ts'
import type { RequestAcceptor, ServerSession } from '../../message/session.ts'
import type { Http1Limits, ServerTimeouts } from './limits.ts'

/** What the server role of a connection is made with. */
export interface Http1ServerOptions {
  /** What requests get as their scheme. */
  readonly scheme: 'http' | 'https'
  readonly acceptor: RequestAcceptor
  readonly wheel: TimerWheel
  readonly limits?: Http1Limits
  readonly timeouts?: ServerTimeouts
  /** Written as `server` in the replies that the codec itself makes; none by default. */
  readonly serverName?: string
  /**
   * Whether a caller that sent FIN behind its request still gets the response. Default true. With false it is taken to
   * be gone, and its exchange ends: that is all that most callers do when they give up.
   */
  readonly halfClose?: boolean
  /** The connection is gone. */
  readonly onClosed?: (session: ServerSession) => void
  /** The caller reached a limit; nobody is told by default. */
  readonly limitReached?: LimitWatch
  /** A request was answered here, for `reason`; nobody is told by default. */
  readonly replied?: (reason: Reason) => void
  /** The codec itself turned input away, for metrics and logs. */
  readonly onRefused?: (reason: Reason) => void
}
