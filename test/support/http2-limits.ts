import { DEFAULT_LIMITS, type Http2ServerLimits, type Http2Windows } from '../../proxy/codec/http2/limits.ts'
import {
  CONNECTION_WINDOW,
  MAX_CONNECTION_WINDOW,
  MAX_STREAM_WINDOW,
  STREAM_WINDOW,
} from '../../proxy/codec/http2/options.ts'

/** What sessions are made with unless the configuration says otherwise. */
export const HTTP2: Http2ServerLimits & Http2Windows = {
  ...DEFAULT_LIMITS,
  window: STREAM_WINDOW,
  maxWindow: MAX_STREAM_WINDOW,
  connectionWindow: CONNECTION_WINDOW,
  maxConnectionWindow: MAX_CONNECTION_WINDOW,
}
