import type { Test } from 'tap'
import { createMesh, meshId } from './mesh-folder.ts'
import { type Sidecar, startSidecar } from './sidecar.ts'

/** The way of a request: plain to `client`, mutual TLS to `server`, plain to the application. */
export interface SidecarPair {
  readonly client: Sidecar
  readonly server: Sidecar
  /** Port where `client` takes requests. */
  readonly port: number
}

/** What a sidecar speaks to an upstream. */
export type Spoken = 'http1' | 'h2'

export interface PairOptions {
  /** Ports of the applications behind `server`, by what they speak. */
  readonly apps: Partial<Record<Spoken, number>>
  /** More for each route, such as `timeout: off`. */
  readonly route?: string
}

const SPOKEN: readonly Spoken[] = ['http1', 'h2']

/** Caller, between the sidecars, application: every pair of protocols for each sidecar. */
export const WAYS: readonly (readonly [Spoken, Spoken, Spoken])[] = [
  ['http1', 'http1', 'http1'],
  ['http1', 'h2', 'http1'],
  ['http1', 'http1', 'h2'],
  ['http1', 'h2', 'h2'],
  ['h2', 'http1', 'http1'],
  ['h2', 'h2', 'http1'],
  ['h2', 'http1', 'h2'],
  ['h2', 'h2', 'h2'],
]

/** The authority that leads over a hop of one protocol between the sidecars to an application of another. */
export function pairAuthority(hop: Spoken, app: Spoken): string {
  return `${app}.over-${hop}.mesh`
}

/**
 * Starts two sidecars, `web` and `app`. The authority of a request (see pairAuthority) chooses the protocol between
 * them and the application behind.
 */
export async function startPair(t: Test, options: PairOptions): Promise<SidecarPair> {
  const mesh = await createMesh(t, 'web', 'app')
  const more = options.route === undefined ? '' : `, ${options.route}`
  const apps = SPOKEN.filter((app) => options.apps[app] !== undefined)
  const inboundRoutes = apps.flatMap((app) =>
    SPOKEN.map((hop) => `{ match: { authority: ${pairAuthority(hop, app)} }, upstream: ${app}${more} }`),
  )
  const server = await startSidecar(t, {
    mesh,
    service: 'app',
    config: `listeners:
  - name: inbound
    address: 127.0.0.1:0
    tls: mutual
    authorize: [{ allow: { principals: ["${meshId('web')}"] } }]
    routes: [${inboundRoutes.join(', ')}]
upstreams:
${apps.map((app) => `  ${app}: { protocol: ${app}, endpoints: ["127.0.0.1:${options.apps[app]}"] }`).join('\n')}`,
  })
  const endpoint = `"127.0.0.1:${server.port('inbound')}"`
  const tls = `{ mode: mutual, peer: "${meshId('app')}" }`
  const client = await startSidecar(t, {
    mesh,
    service: 'web',
    config: `listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes: [${SPOKEN.map((hop) => `{ match: { authority: "*.over-${hop}.mesh" }, upstream: ${hop}${more} }`).join(', ')}]
upstreams:
${SPOKEN.map((hop) => `  ${hop}: { protocol: ${hop}, endpoints: [${endpoint}], tls: ${tls} }`).join('\n')}`,
  })
  return { client, server, port: client.port('outbound') }
}
