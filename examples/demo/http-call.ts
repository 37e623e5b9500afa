import { type Agent, type IncomingHttpHeaders, type RequestOptions, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

/** Longest time for one call, in milliseconds. */
const TIMEOUT = 6000

export interface HttpCall {
  readonly port: number
  /** `GET` by default. */
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string
  /** Without one the call has a connection of its own. */
  readonly agent?: Agent
  /** Calls over TLS. Without certificate and key the caller stays unknown. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string }
}

export interface HttpReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Calls 127.0.0.1. Rejects when no complete reply comes within 6 s. */
export function callHttp(call: HttpCall): Promise<HttpReply> {
  const { port, method = 'GET', path, headers = {}, body, agent, tls } = call
  return new Promise((resolve, reject) => {
    const options: RequestOptions = { host: '127.0.0.1', port, method, path, headers, agent: agent ?? false }
    const request = tls === undefined ? requestHttp(options) : requestHttps({ ...options, ...tls })
    const timer = setTimeout(() => request.destroy(new Error(`no reply within ${TIMEOUT / 1000} s`)), TIMEOUT)
    request.on('error', reject)
    request.on('close', () => clearTimeout(timer))
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode as number,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      )
    })
    request.end(body)
  })
}
