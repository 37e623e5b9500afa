import { resolve } from 'node:path'
import type { ConfigDocument } from '../schema.ts'
import type { Address } from '../types/address.ts'
import type { AppCheckConfig, AppConfig, AppReadyConfig } from '../types/app.ts'
import { orNull } from './off.ts'
import { resolveHealth } from './upstream.ts'

type AppDocument = NonNullable<ConfigDocument['app']>
type LiveDocument = NonNullable<AppDocument['live']>
type ReadyDocument = NonNullable<AppDocument['ready']>

export function resolveApp(app: AppDocument, baseDir: string): AppConfig {
  const { command, cwd, env, address, restart, ready, live, stop } = app
  return {
    command,
    cwd: cwd === undefined ? null : resolve(baseDir, cwd),
    env,
    restart: { ...restart, limit: orNull(restart.limit) },
    // Never without an address when there is a check: config/app-checks.ts sees to it.
    ready: address === undefined ? null : resolveReady(address, ready, live),
    live: address === undefined || live === undefined ? null : resolveLive(address, live),
    stop,
  }
}

function resolveLive(address: Address, live: LiveDocument): AppCheckConfig {
  return { address, check: resolveHealth({ ...live, healthyAfter: 1, idleInterval: live.interval }) }
}

function resolveReady(
  address: Address,
  ready: ReadyDocument | undefined,
  live: LiveDocument | undefined,
): AppReadyConfig | null {
  if (ready !== undefined) {
    const { within, ...check } = ready
    return { address, check: resolveHealth({ ...check, idleInterval: check.interval }), within }
  }
  // Without it an application that takes its time to start would be killed for it.
  return live === undefined ? null : { ...resolveLive(address, live), within: DEFAULT_WITHIN }
}

/** As `ready.within` has it. */
const DEFAULT_WITHIN = 60_000
