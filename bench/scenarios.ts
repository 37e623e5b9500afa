/** What is asked of every proxy in the same way. */
export interface Scenario {
  readonly name: string
  readonly title: string
  /** `h2`: HTTP/2 over TLS in, cleartext HTTP/2 out. `http1`: HTTP/1.1 in clear text on both sides. */
  readonly protocol: Protocol
  readonly connections: number
  /** Concurrent requests per connection. */
  readonly streams: number
  /** Bytes of every response body. */
  readonly bodyBytes: number
  /** Path and query, and for HTTP/1.1 the trace headers too, differ from request to request. */
  readonly varying: boolean
}

export type Protocol = 'h2' | 'http1'

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'h2-8x50',
    title: 'HTTP/2 over TLS, 8 connections x 50 streams, 128 B bodies',
    protocol: 'h2',
    connections: 8,
    streams: 50,
    bodyBytes: 128,
    varying: false,
  },
  {
    name: 'h2-256x4',
    title: 'HTTP/2 over TLS, 256 connections x 4 streams, 128 B bodies',
    protocol: 'h2',
    connections: 256,
    streams: 4,
    bodyBytes: 128,
    varying: false,
  },
  {
    name: 'h2-64k',
    title: 'HTTP/2 over TLS, 8 connections x 10 streams, 64 KiB bodies',
    protocol: 'h2',
    connections: 8,
    streams: 10,
    bodyBytes: 65_536,
    varying: false,
  },
  {
    name: 'h2-varying',
    title: 'HTTP/2 over TLS, 8 connections x 50 streams, 128 B bodies, 10,000 different queries',
    protocol: 'h2',
    connections: 8,
    streams: 50,
    bodyBytes: 128,
    varying: true,
  },
  {
    name: 'h1-64',
    title: 'HTTP/1.1 in clear text, 64 connections, 128 B bodies',
    protocol: 'http1',
    connections: 64,
    streams: 1,
    bodyBytes: 128,
    varying: false,
  },
  {
    name: 'h1-varying',
    title:
      'HTTP/1.1 in clear text, 64 connections, 128 B bodies, 20,000 different queries and trace contexts',
    protocol: 'http1',
    connections: 64,
    streams: 1,
    bodyBytes: 128,
    varying: true,
  },
]
