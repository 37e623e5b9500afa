import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import {
  createServer as createHttp1Server,
  get,
  type IncomingHttpHeaders,
  type RequestListener,
} from 'node:http'
import { connect, createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import type { Identity } from './identity.ts'
import type { Protocol } from './scenarios.ts'

const REQUEST_TIMEOUT_MS = 5_000

/** An upstream that answers with the headers it was asked with, as JSON. */
export interface EchoUpstream {
  readonly port: number
  close(): Promise<void>
}

export async function startEcho(protocol: Protocol): Promise<EchoUpstream> {
  const sessions = new Set<ServerHttp2Session>()
  let server: Server
  if (protocol === 'h2') {
    const http2 = createHttp2Server()
    http2.on('session', (session) => sessions.add(session))
    http2.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200, 'content-type': 'application/json' })
      stream.end(JSON.stringify(headers))
    })
    server = http2
  } else {
    const listener: RequestListener = (request, reply) => reply.end(JSON.stringify(request.headers))
    server = createHttp1Server(listener)
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const session of sessions) session.destroy()
      if ('closeAllConnections' in server) (server.closeAllConnections as () => void)()
      server.close()
      await once(server, 'close')
    },
  }
}

/**
 * Sends two requests through a proxy whose upstream is an `EchoUpstream` and holds it to the rules of the comparison:
 * `x-forwarded-for` is added, and `x-request-id` too, another one for each request if `unique`. Throws what is missing.
 */
export async function checkAddedHeaders(
  protocol: Protocol,
  port: number,
  identity: Identity,
  unique: boolean,
): Promise<void> {
  const ask = () => (protocol === 'h2' ? askHttp2(port, identity) : askHttp1(port))
  const first = await ask()
  const second = await ask()
  if (first['x-forwarded-for'] === undefined) throw new Error('does not add x-forwarded-for')
  if (first['x-request-id'] === undefined) throw new Error('does not add x-request-id')
  if (unique && first['x-request-id'] === second['x-request-id']) {
    throw new Error('adds the same x-request-id to every request')
  }
}

async function askHttp2(port: number, identity: Identity): Promise<IncomingHttpHeaders> {
  const session = connect(`https://127.0.0.1:${port}`, { ca: readFileSync(identity.caFile) })
  try {
    return await new Promise((resolve, reject) => {
      session.on('error', reject)
      const request = session.request({ ':path': '/echo' })
      let status = 0
      let body = ''
      request.setTimeout(REQUEST_TIMEOUT_MS, () => reject(new Error('does not answer within 5 s')))
      request.setEncoding('utf8')
      request.on('response', (headers) => {
        status = Number(headers[':status'])
      })
      request.on('data', (text: string) => {
        body += text
      })
      request.on('error', reject)
      request.on('end', () => settle(status, body, resolve, reject))
    })
  } finally {
    session.destroy()
  }
}

function askHttp1(port: number): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: '/echo', agent: false }, (reply) => {
      let body = ''
      reply.setEncoding('utf8')
      reply.on('data', (text: string) => {
        body += text
      })
      reply.on('end', () => settle(reply.statusCode ?? 0, body, resolve, reject))
    })
    request.setTimeout(REQUEST_TIMEOUT_MS, () => request.destroy(new Error('does not answer within 5 s')))
    request.on('error', reject)
  })
}

function settle(
  status: number,
  body: string,
  resolve: (headers: IncomingHttpHeaders) => void,
  reject: (error: Error) => void,
): void {
  if (status !== 200) {
    reject(new Error(`answers ${status} instead of 200: ${body.slice(0, 200)}`))
    return
  }
  try {
    resolve(JSON.parse(body) as IncomingHttpHeaders)
  } catch {
    reject(new Error(`changes the body: ${body.slice(0, 200)}`))
  }
}
