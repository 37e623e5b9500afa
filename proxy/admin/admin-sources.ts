import type { Snapshot } from '../snapshot.ts'
import type { AdminSources } from './admin-page.ts'

/** What the admin server shows of a snapshot. */
export function adminSources(snapshot: Snapshot): AdminSources {
  return {
    upstreams: () =>
      [...snapshot.upstreams.values()].map(({ cluster }) => ({
        name: cluster.name,
        active: cluster.active,
        ...cluster.set.counts(),
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
          warmingUp: endpoint.warmingSince >= 0,
          // Known where the policy goes by it.
          latencyMs: endpoint.latency < 0 ? null : endpoint.latency,
          lastCheck: endpoint.lastCheck,
          lastCheckMs: endpoint.lastCheckMs,
        })),
      })),
    // Files are named, never shown: there is no secret in it.
    config: () => snapshot.config,
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
