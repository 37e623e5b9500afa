import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Order, OrderBook, OrderProblem } from './order-book.ts'
import { CLOSE_GRACE, runAsProcess, type Service, ServiceError, type ServiceOptions } from './process.ts'

/** Largest request body accepted, in bytes. */
const BODY_LIMIT = 64 * 1024

/** An answer that is not the one asked for; becomes `{"error": message}`. */
class HttpProblem extends Error {
  override readonly name = 'HttpProblem'
  readonly status: number
  readonly fields: Record<string, string>

  constructor(status: number, message: string, fields: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.fields = fields
  }
}

interface Answer {
  readonly status: number
  readonly body: object
  readonly fields?: Record<string, string>
}

/**
 * Starts the REST service, HTTP/1.1 in plain text: `GET /api/orders`, `GET /api/orders/ID`, `POST /api/orders`,
 * `GET /healthz`. Orders live in memory.
 * @throws ServiceError when the port is taken
 */
export async function startOrders({ port, name, host = '127.0.0.1' }: ServiceOptions): Promise<Service> {
  const book = new OrderBook()
  let closing = false
  const server = createServer((request, response) => {
    response.setHeader('x-instance', name)
    // A connection kept alive would keep the server from closing.
    if (closing) response.setHeader('connection', 'close')
    answer(book, request, closing)
      .catch((error: unknown) => problemAnswer(error))
      .then((result) => send(response, result))
  })
  await listen(server, port, host)
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      closing = true
      return close(server)
    },
  }
}

async function answer(book: OrderBook, request: IncomingMessage, closing: boolean): Promise<Answer> {
  const path = (request.url ?? '/').split('?', 1)[0] as string
  if (path === '/healthz') {
    allow(request, 'GET', 'HEAD')
    return closing ? { status: 503, body: { status: 'stopping' } } : { status: 200, body: { status: 'ok' } }
  }
  if (path === '/api/orders') {
    allow(request, 'GET', 'HEAD', 'POST')
    if (request.method !== 'POST') return { status: 200, body: { orders: book.list() } }
    const order = book.add(await readJson(request))
    return { status: 201, body: order, fields: { location: `/api/orders/${order.id}` } }
  }
  const id = /^\/api\/orders\/([^/]+)$/.exec(path)?.[1]
  if (id !== undefined) {
    allow(request, 'GET', 'HEAD')
    return { status: 200, body: find(book, id) }
  }
  throw new HttpProblem(404, `nothing at ${path}: the orders are at /api/orders`)
}

function find(book: OrderBook, id: string): Order {
  const order = book.get(id)
  if (order === undefined) throw new HttpProblem(404, `no order ${id}`)
  return order
}

function allow(request: IncomingMessage, ...methods: string[]): void {
  if (methods.includes(request.method ?? '')) return
  throw new HttpProblem(405, `${request.method} is not possible here, only ${methods.join(', ')}`, {
    allow: methods.join(', '),
  })
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > BODY_LIMIT) throw new HttpProblem(413, `the body is larger than ${BODY_LIMIT} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new HttpProblem(400, 'the body is not JSON')
  }
}

function problemAnswer(error: unknown): Answer {
  if (error instanceof HttpProblem) {
    return { status: error.status, body: { error: error.message }, fields: error.fields }
  }
  if (error instanceof OrderProblem) return { status: 400, body: { error: error.message } }
  return { status: 500, body: { error: 'the service failed' } }
}

function send(response: ServerResponse, { status, body, fields = {} }: Answer): void {
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...fields,
  })
  response.end(text)
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new ServiceError(`cannot listen on ${host}:${port}: ${error.message}`)),
    )
    server.listen(port, host, resolve)
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE)
    server.close(() => {
      clearTimeout(force)
      resolve()
    })
  })
}

runAsProcess(import.meta.url, 'orders', startOrders)
