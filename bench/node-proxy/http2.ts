import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  type ClientHttp2Session,
  connect,
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'

/*
 * HTTP/2 over TLS in, cleartext HTTP/2 out, one upstream session per downstream session, streams piped: the baseline
 * that Node.js gives without further work. Arguments: listen port, upstream port, certificate file, key file.
 */
const [listenPort, upstreamPort, certificateFile = '', keyFile = ''] = process.argv.slice(2)
const upstreams = new WeakMap<object, ClientHttp2Session>()

const server = createSecureServer({
  cert: readFileSync(certificateFile),
  key: readFileSync(keyFile),
  minVersion: 'TLSv1.3',
  settings: { maxConcurrentStreams: 1000 },
})

server.on('session', (session) => {
  const upstream = connect(`http://127.0.0.1:${upstreamPort}`)
  upstream.on('error', () => session.destroy())
  upstream.on('close', () => session.close())
  session.on('close', () => upstream.close())
  session.on('error', () => upstream.destroy())
  upstreams.set(session, upstream)
})

server.on('stream', (stream, headers) => {
  const session = stream.session
  const upstream = session === undefined ? undefined : upstreams.get(session)
  if (session === undefined || upstream === undefined) return stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  const request = upstream.request({
    ...(headers as OutgoingHttpHeaders),
    'x-request-id': randomUUID(),
    'x-forwarded-for': session.socket.remoteAddress ?? '',
  })
  request.on('response', (answer: IncomingHttpHeaders) => {
    if (stream.destroyed || stream.closed) return
    stream.respond(answer as OutgoingHttpHeaders)
    request.pipe(stream)
  })
  request.on('error', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR))
  stream.on('error', () => request.close(constants.NGHTTP2_CANCEL))
  stream.pipe(request)
})

server.listen(Number(listenPort), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
