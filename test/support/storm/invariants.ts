import type { Transport } from '../../../proxy/codec/transport.ts'
import { reasons } from '../../../proxy/message/reason.ts'
import type { Http2Peer } from './http2-peer.ts'
import type { MemorySocket } from './memory-network.ts'
import { LISTENER, type Storm } from './storm.ts'

/** What a session holds, either codec; most of it is nobody's business but a test's. */
interface Held {
  readonly protocol: string
  readonly active: number
  readonly sendWindow: number
  readonly window: { readonly left: number }
  readonly windowWithCredit: number
  readonly windowSize: number
}

/** Nothing is under way any more: everything that exchanges take must have been given back. */
export async function checkQuiet(storm: Storm, drained: boolean): Promise<void> {
  const { proxy } = storm
  const check = (what: string, got: unknown, wanted: unknown): void => {
    if (got !== wanted) storm.wrong(`when all is quiet: ${what} is ${got} instead of ${wanted}`)
  }
  await proxy.telemetry.text()
  for (const error of proxy.defects) storm.wrong(`a defect: ${(error as Error).stack}`)
  for (const { cluster, draining } of proxy.snapshot.upstreams.values()) {
    check(`${cluster.name}: pools that drain`, draining.size, 0)
    check(`${cluster.name}: active`, cluster.active, 0)
    check(`${cluster.name}: pending`, cluster.stats.pending, 0)
    check(`${cluster.name}: pools`, Object.keys(cluster.pools).length, cluster.set.endpoints.length)
    for (const { index, active, port } of cluster.set.endpoints) {
      check(`${cluster.name}: endpoint ${index}: active`, active, 0)
      const open = storm.network.open(port).filter(({ peer }) => peer?.destroyed === false)
      check(`${cluster.name}: endpoint ${index}: pooled`, cluster.pools[index]?.connections, open.length)
      check(
        `${cluster.name}: endpoint ${index}: connections counted`,
        cluster.endpointStats[index]?.connections,
        open.length,
      )
    }
  }
  check(
    'endpoints with numbers',
    proxy.telemetry.endpointStats.size,
    [...proxy.snapshot.upstreams.values()].reduce(
      (sum, { cluster }) => sum + cluster.set.endpoints.length,
      0,
    ),
  )
  const callers = storm.network.open(LISTENER).length
  check(
    'connections of the listener',
    proxy.snapshot.listeners[0]?.listener.connections,
    drained ? 0 : callers,
  )
  check('connections counted', proxy.telemetry.listener('outbound', 'outbound').connections, callers)
  check('requests counted', recorded(storm), proxy.requests)
  for (const transport of proxy.open()) checkConnection(storm, transport)
  await checkClosed(storm)
}

function recorded({ proxy }: Storm): number {
  let sum = 0
  for (const stats of proxy.telemetry.requestStats.values())
    stats.collectOutcomes({ add: (count: number) => (sum += count) } as never)
  return sum
}

function checkConnection(storm: Storm, transport: Transport): void {
  const session = transport.user as unknown as Held
  const socket = transport.socket as unknown as MemorySocket
  const inbound = socket.localPort === LISTENER
  const name = `${inbound ? 'a caller' : `endpoint ${socket.remotePort}`} (${session.protocol})`
  const check = (what: string, got: unknown, wanted: unknown): void => {
    if (got !== wanted) storm.wrong(`when all is quiet: ${name}: ${what} is ${got} instead of ${wanted}`)
  }
  check('streams', session.active ?? 0, 0)
  check('unsent', transport.unsent, 0)
  check('congested', transport.congested, false)
  check('reading', socket.flowing, true)
  if (session.protocol !== 'h2') return
  check('window with credit', session.windowWithCredit, session.windowSize)
  const peers: readonly { socket: MemorySocket }[] = [...storm.callers, ...storm.endpoints]
  const peer = peers.find((each) => each.socket === socket.peer) as Http2Peer | undefined
  if (peer === undefined) return storm.wrong(`when all is quiet: ${name} has no peer`)
  check('window as the peer knows it', peer.sendWindow, session.window.left)
  check('window of the peer', session.sendWindow, peer.granted)
}

/** Everybody leaves: no deadline may stay armed. */
async function checkClosed(storm: Storm): Promise<void> {
  const { proxy } = storm
  const idle = proxy.open().length
  const { timers } = proxy.clock
  if (timers.armed > idle + 1)
    storm.wrong(`${timers.armed} deadlines for ${idle} idle connections: ${proxy.deadlines().join(', ')}`)
  for (const caller of storm.callers) caller.socket.destroy()
  for (const upstream of proxy.snapshot.upstreams.values()) upstream.close(reasons.draining)
  await storm.settle(2500)
  if (proxy.open().length > 0) storm.wrong(`${proxy.open().length} connections are left`)
  if (timers.armed > 0) storm.wrong(`deadlines are left: ${proxy.deadlines().join(', ')}`)
}
