import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Telemetry } from '../telemetry/telemetry.ts'
import {
  type AdminPage,
  type AdminReply,
  type AdminSources,
  addAdminPages,
  listPages,
  probePages,
  type Readiness,
  textReply,
} from './admin-page.ts'
import { isLoopback, namesLoopback } from './host-check.ts'
import { listenError } from './listen-error.ts'

interface ProbeServerOptions {
  /** The address as the configuration has it, for messages. */
  readonly address: string
  /** IP address or host name, without brackets. */
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  readonly telemetry: Telemetry
  /** Asked at each GET of /ready. */
  ready(): Readiness
  /** Hears of pages that could not be made. */
  failed?(path: string, error: unknown): void
}

/** The admin server (`full`) has every page, the metrics server only /metrics, /ready and /live. */
export type AdminServerOptions =
  | (ProbeServerOptions & { readonly full: false })
  | (ProbeServerOptions & { readonly full: true; readonly sources: AdminSources })

export interface AdminServer {
  /** Where it listens, with the port it got. */
  readonly address: AddressInfo
  /** Stops listening; answers under way have a second to finish. */
  close(): Promise<void>
}

/** Connections at a time; one more is closed at once. */
const MAX_CONNECTIONS = 256
/** Time for a complete request head, in milliseconds. */
const HEAD_TIMEOUT = 5000
/** Time for a complete request, in milliseconds. */
const REQUEST_TIMEOUT = 10_000
/** Time a connection may be idle between requests, in milliseconds. */
const IDLE_TIMEOUT = 5000
/** Time without any progress after which a connection is closed, in milliseconds. */
const STALL_TIMEOUT = 10_000
/** Time answers under way have when the server closes, in milliseconds. */
const CLOSE_GRACE = 1000
/** Largest request head, in bytes. */
const MAX_HEAD = 8 * 1024

/**
 * Starts the admin or the metrics server. It is off the path of requests, reads only, and answers GET and HEAD.
 * Rejects with an Error that names the address and what to do when it cannot listen there.
 */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const pages = probePages(options.telemetry, () => options.ready())
  if (options.full) addAdminPages(pages, options.telemetry, options.sources)
  // Scrapers reach the metrics server by any name; the admin pages tell more, so a browser must not be lured there.
  const loopbackOnly = options.full && isLoopback(options.host)

  const server = createServer(
    {
      maxHeaderSize: MAX_HEAD,
      headersTimeout: HEAD_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      keepAliveTimeout: IDLE_TIMEOUT,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => {
      void answer(request, response, pages, loopbackOnly, options.failed)
    },
  )
  server.maxConnections = MAX_CONNECTIONS
  server.setTimeout(STALL_TIMEOUT)
  await listen(server, options)
  return { address: server.address() as AddressInfo, close: () => close(server) }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  pages: ReadonlyMap<string, AdminPage>,
  loopbackOnly: boolean,
  failed: ((path: string, error: unknown) => void) | undefined,
): Promise<void> {
  if (loopbackOnly && !namesLoopback(request.headers.host)) {
    send(request, response, textReply(421, 'use localhost or 127.0.0.1 as the host name\n'))
    return
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    // A body that nobody reads may follow.
    response.setHeader('connection', 'close')
    send(request, response, textReply(405, 'only GET and HEAD are answered here\n'))
    return
  }
  const path = pathOf(request.url ?? '/')
  const page = pages.get(path)
  if (page === undefined) {
    send(request, response, textReply(404, `no such page; there are:\n\n${listPages(pages)}`))
    return
  }
  let reply: AdminReply
  try {
    reply = await page.read(request.headers.accept)
  } catch (error) {
    failed?.(path, error)
    // Probes take any 5xx for "no"; the log has the cause.
    reply = textReply(500, 'this page could not be made; the log says why\n')
  }
  send(request, response, reply)
}

function send(request: IncomingMessage, response: ServerResponse, reply: AdminReply): void {
  const body = Buffer.from(reply.body)
  response.writeHead(reply.status, {
    'content-type': reply.contentType,
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function pathOf(target: string): string {
  const mark = target.indexOf('?')
  return mark < 0 ? target : target.slice(0, mark)
}

function listen(server: Server, options: AdminServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(listenError(error, options.address, options.full ? 'admin.address' : 'metrics.address'))
    })
    server.listen({ host: options.host, port: options.port, exclusive: true }, () => {
      server.removeAllListeners('error')
      // Out of file descriptors, for one: the connection at hand is lost, the server goes on.
      server.on('error', () => {})
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
