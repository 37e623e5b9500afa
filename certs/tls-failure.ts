const NO_TLS = 'the other side does not speak TLS'
const NO_VERSION = 'no version of TLS in common: 1.3 is needed'

const PHRASES: Readonly<Record<string, string>> = {
  ERR_SSL_HTTP_REQUEST: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_VERSION,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: NO_VERSION,
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'no protocol in common (ALPN)',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'no protocol in common (ALPN)',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the other side does not trust the CA of our certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'our certificate has expired, says the other side',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the other side refused our certificate',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the other side demands a certificate',
}

/** What made a TLS handshake fail, as a phrase of one line: OpenSSL's own text names its source files and lines. */
export function tlsFailureText(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const known = PHRASES[code]
  if (known !== undefined) return known
  if ('reason' in error && typeof error.reason === 'string') return error.reason
  return (error.message || code).split('\n', 1)[0] as string
}
