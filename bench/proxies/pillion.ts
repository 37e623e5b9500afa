import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TRUST_DOMAIN } from '../identity.ts'
import { freePort } from '../process.ts'
import type { Competitor, CompetitorSetup } from './competitor.ts'

export interface PillionOptions {
  /** The checkout whose `dist` is run. */
  readonly root: string
  readonly name: string
  /** Where CPU profiles go, or null for none. */
  readonly profileFolder: string | null
}

/** Pillion as a user runs it, with metrics and the admin server on. */
export function pillion(options: PillionOptions): Competitor {
  return {
    name: options.name,
    command: 'node',
    debianPackage: 'nodejs',
    uniqueRequestId: true,
    async launch(setup) {
      const main = join(options.root, 'dist', 'proxy', 'main.js')
      if (!existsSync(main)) throw new Error(`${main} does not exist: run "npm run build" in ${options.root}`)
      const file = join(setup.folder, 'pillion.yaml')
      writeFileSync(file, configuration(setup, await freePort(), await freePort()))
      const args = [main, 'run', '-c', file]
      if (options.profileFolder !== null && !setup.rehearsal) {
        mkdirSync(options.profileFolder, { recursive: true })
        args.unshift('--cpu-prof', `--cpu-prof-dir=${options.profileFolder}`)
      }
      return { command: process.execPath, args }
    },
  }
}

function configuration(setup: CompetitorSetup, adminPort: number, metricsPort: number): string {
  const h2 = setup.protocol === 'h2'
  const { certificateFile, keyFile, caFile } = setup.identity
  return `service: bench
admin: { address: 127.0.0.1:${adminPort} }
metrics: { address: 127.0.0.1:${metricsPort} }
identity:
  trustDomain: ${TRUST_DOMAIN}
  certificateFile: ${JSON.stringify(certificateFile)}
  keyFile: ${JSON.stringify(keyFile)}
  trustBundleFile: ${JSON.stringify(caFile)}
listeners:
  - name: bench
    address: 127.0.0.1:${setup.listenPort}
    tls: ${h2 ? 'server' : 'none'}
    routes:
      - upstream: app
upstreams:
  app:
    protocol: ${h2 ? 'h2' : 'http1'}
    endpoints: [127.0.0.1:${setup.upstreamPort}]
    limits: { connections: 8192, requests: 8192, pending: 8192 }
`
}
