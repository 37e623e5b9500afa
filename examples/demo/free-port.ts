import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { DemoError } from './demo-error.ts'

/**
 * Where ports are taken from: below those that the system gives to outgoing connections (from 32768 on Linux, from
 * 49152 elsewhere), so that none of them takes the port of an instance while that is down.
 */
const FIRST = 20_000
const LAST = 31_999
const MAX_TRIES = 1000

/**
 * Ports of 127.0.0.1 that are free now, all different.
 * @throws DemoError when there are not enough
 */
export async function findFreePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  for (let tries = 0; found.size < count; tries++) {
    if (tries === MAX_TRIES) throw new DemoError(`found no ${count} free ports from ${FIRST} to ${LAST}`)
    const port = randomInt(FIRST, LAST + 1)
    if (!found.has(port) && (await isFree(port))) found.add(port)
  }
  return [...found]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
