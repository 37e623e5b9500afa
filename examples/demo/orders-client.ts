import { Agent } from 'node:http'
import { callHttp, type HttpReply } from './http-call.ts'
import type { Answer } from './traffic.ts'

const AUTHORITY = 'orders.mesh'

/** Calls the orders service through the sidecar beside the caller, in plain text, over connections kept alive. */
export class OrdersClient {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true })

  constructor(port: number) {
    this.#port = port
  }

  /** @throws Error when there is no order 1, which every instance has from the start, to be had */
  async read(): Promise<Answer> {
    return answer(await this.call('GET', '/api/orders/1'), 200)
  }

  /** @throws Error when the order is not taken */
  async add(item: string, quantity: number): Promise<Answer> {
    return answer(await this.call('POST', '/api/orders', JSON.stringify({ item, quantity })), 201)
  }

  call(method: string, path: string, body?: string): Promise<HttpReply> {
    const headers: Record<string, string> = { host: AUTHORITY }
    if (body !== undefined) {
      headers['content-type'] = 'application/json'
      headers['content-length'] = String(Buffer.byteLength(body))
    }
    const call = { port: this.#port, method, path, headers, agent: this.#agent }
    return callHttp(body === undefined ? call : { ...call, body })
  }

  close(): void {
    this.#agent.destroy()
  }
}

function answer({ status, headers, body }: HttpReply, expected: number): Answer {
  const text = body.trim()
  if (status !== expected) throw new Error(`status ${status}: ${text.slice(0, 200)}`)
  return { instance: String(headers['x-instance'] ?? 'unknown'), text }
}
