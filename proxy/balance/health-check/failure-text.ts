import { tlsFailureText } from '../../../certs/tls-failure.ts'

const PHRASES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ECONNRESET: 'connection reset by the endpoint',
  EPIPE: 'connection closed by the endpoint',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'the network gave up connecting',
  ENOTFOUND: 'the host name does not exist',
  EAI_AGAIN: 'the host name cannot be resolved at the moment',
  EMFILE: 'this process has no file descriptor left',
  EADDRNOTAVAIL: 'this host has no local port left',
  ERR_HTTP2_ERROR: 'the endpoint does not speak HTTP/2 there',
  HPE_INVALID_CONSTANT: 'the endpoint does not speak HTTP/1.1 there',
}

/** Longest text taken from an endpoint or a library, in characters. */
const MAX_TEXT = 200

/** What went wrong, as a phrase for people. */
export function failureText(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return PHRASES[code] ?? printable(tlsFailureText(error) || 'unknown failure')
}

/** Foreign text made fit for one line of a log: no control characters, at most 200 characters. */
export function printable(text: string): string {
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT)}...` : clean
}
