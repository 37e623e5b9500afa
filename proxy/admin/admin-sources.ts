import type { Config } from '../../config/types/config.ts'
import type { Supervisor } from '../app/supervisor.ts'
import type { Snapshot } from '../snapshot.ts'
import type { AdminSources } from './admin-page.ts'

/** What the admin server shows of a snapshot, and of the application if the sidecar runs it. */
export function adminSources(snapshot: Snapshot, app: Supervisor | null): AdminSources {
  return {
    ...(app === null ? {} : { app: () => app.view() }),
    upstreams: () =>
      [...snapshot.upstreams.values()].map(({ cluster, discovery }) => ({
        name: cluster.name,
        active: cluster.active,
        ...cluster.set.counts(),
        source: discovery === null ? 'the configuration' : discovery.source.subject,
        sourceProblem: discovery?.problem ?? '',
        endpoints: cluster.set.endpoints.map((endpoint) => ({
          address: endpoint.address,
          usable: endpoint.usable,
          health: endpoint.health,
          degraded: endpoint.degraded,
          ejected: endpoint.ejected,
          shut: endpoint.shut,
          active: endpoint.active,
          connections: cluster.pools[endpoint.index].connections,
          weight: endpoint.weight,
          zone: endpoint.zone,
          priority: endpoint.priority,
          labels: endpoint.labels,
          // Known where the policy goes by it.
          latencyMs: endpoint.latency < 0 ? null : endpoint.latency,
          lastCheck: endpoint.lastCheck,
          lastCheckMs: endpoint.lastCheckMs,
        })),
      })),
    config: () => withoutSecrets(snapshot.config),
    certificates: () =>
      snapshot.identity === null
        ? []
        : [
            {
              id: snapshot.identity.id.toString(),
              notBefore: new Date(snapshot.identity.notBefore).toISOString(),
              notAfter: new Date(snapshot.identity.notAfter).toISOString(),
              fingerprints: snapshot.identity.fingerprints,
            },
          ],
  }
}

/** Files are named, never shown; but the environment of the application is where passwords are handed over. */
function withoutSecrets(config: Config): Config {
  const { app } = config
  if (app === null) return config
  const env = Object.fromEntries(Object.keys(app.env).map((name) => [name, '(hidden)']))
  return { ...config, app: { ...app, env } }
}
