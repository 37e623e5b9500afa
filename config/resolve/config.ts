import { resolve } from 'node:path'
import type { ConfigDocument } from '../schema.ts'
import type { Config } from '../types/config.ts'
import { resolveListener } from './listener.ts'
import { isOff } from './off.ts'
import { resolveUpstream } from './upstream.ts'

/** From the checked document to the configuration: one form for each thing, and the defaults that depend on others. */
export function resolveConfig(document: ConfigDocument, baseDir: string): Config {
  const { identity } = document
  return {
    service: document.service,
    workers: document.workers === 'auto' ? 1 : document.workers,
    zone: document.zone ?? null,
    admin: isOff(document.admin) ? null : document.admin,
    metrics: isOff(document.metrics) ? null : document.metrics,
    log: document.log,
    shutdown: document.shutdown,
    identity: identity
      ? {
          trustDomain: identity.trustDomain,
          certificateFile: resolve(baseDir, identity.certificateFile),
          keyFile: resolve(baseDir, identity.keyFile),
          trustBundleFile: resolve(baseDir, identity.trustBundleFile),
        }
      : null,
    listeners: document.listeners.map((listener) => resolveListener(listener, baseDir)),
    upstreams: Object.entries(document.upstreams).map(([name, upstream]) =>
      resolveUpstream(name, upstream, baseDir),
    ),
  }
}
