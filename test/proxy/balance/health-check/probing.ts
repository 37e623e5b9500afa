import type { AddressInfo, Server } from 'node:net'
import { createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { Endpoint } from '../../../../proxy/balance/endpoint.ts'
import type { Probe } from '../../../../proxy/balance/health-check/probe.ts'

/** An endpoint at a port of loopback. */
export function at(port: number, host = '127.0.0.1'): Endpoint {
  const address = { host, port, text: `${host}:${port}` }
  return new Endpoint(0, { address, weight: 1, zone: null, priority: 0 })
}

/** Runs one check to its end. */
export function check(probe: Probe, endpoint: Endpoint): Promise<{ ok: boolean; detail: string }> {
  return new Promise((resolve) => {
    probe.run(endpoint, (ok, detail) => resolve({ ok, detail }))
  })
}

/** Listens on a free port of loopback until the test is over; what is still connected then is cut off. */
export async function listen(t: Test, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return (server.address() as AddressInfo).port
}

/** A port of loopback at which nothing listens. */
export async function refusedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Accepts connections and says nothing; `connected` is settled by the next connection, `gone` by its end. */
export async function silentServer(
  t: Test,
): Promise<{ port: number; connected: Promise<void>; gone: Promise<void> }> {
  const server = createServer()
  let connectedNow = (): void => {}
  let goneNow = (): void => {}
  const connected = new Promise<void>((resolve) => {
    connectedNow = resolve
  })
  const gone = new Promise<void>((resolve) => {
    goneNow = resolve
  })
  server.on('connection', (socket) => {
    connectedNow()
    socket.resume()
    socket.on('close', () => goneNow())
  })
  return { port: await listen(t, server), connected, gone }
}
