import { randomUUID } from 'node:crypto'
import { Agent, createServer, request } from 'node:http'

/*
 * HTTP/1.1 in and out with node:http and a keep-alive agent. Arguments: listen port, upstream port.
 */
const [listenPort, upstreamPort] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 1024 })

const server = createServer((incoming, reply) => {
  const outgoing = request(
    {
      host: '127.0.0.1',
      port: Number(upstreamPort),
      agent,
      method: incoming.method,
      path: incoming.url,
      headers: {
        ...incoming.headers,
        connection: 'keep-alive',
        'x-request-id': randomUUID(),
        'x-forwarded-for': incoming.socket.remoteAddress ?? '',
      },
    },
    (answer) => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(reply)
    },
  )
  outgoing.on('error', () => {
    if (!reply.headersSent) reply.writeHead(502)
    reply.end()
  })
  incoming.pipe(outgoing)
})

server.keepAliveTimeout = 60_000
server.listen(Number(listenPort), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
