import type { ConfigDocument } from '../schema.ts'
import type { Http2Config } from '../types/http.ts'

type Http2Document = ConfigDocument['upstreams'][string]['http2']

const LEAST_GLITCHES = 1000

/** A stalled stream holds `maxWindow`; a connection has room for some of them. */
export function resolveHttp2(
  http2: Http2Document,
  leastGlitches: number,
): Pick<Http2Config, 'glitches' | 'maxWindow' | 'maxConnectionWindow'> {
  const maxWindow = http2.maxWindow ?? Math.max(1024 ** 2, http2.window)
  const most = Math.min(4 * maxWindow, 2 ** 31 - 1)
  return {
    glitches: http2.glitches ?? Math.max(LEAST_GLITCHES, leastGlitches),
    maxWindow,
    maxConnectionWindow: http2.maxConnectionWindow ?? Math.max(most, http2.connectionWindow),
  }
}
