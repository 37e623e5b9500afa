import type { Address } from './address.ts'
import type { ListenerConfig } from './listener.ts'
import type { UpstreamConfig } from './upstream.ts'

/**
 * The configuration as the proxy sees it: checked, every default filled in, values in one unit.
 *
 * Durations are milliseconds, sizes bytes, shares fractions of 1; `null` means not set or switched off.
 * Everything is immutable: a reload makes a new `Config`, and never changes an old one.
 */
export interface Config {
  /** This workload's name; a DNS label. */
  readonly service: string
  /** Processes that share the listeners. Only 1 so far. */
  readonly workers: number
  /** Where the sidecar runs; `null`: not said here. */
  readonly zone: string | null
  /** `null`: no admin server. */
  readonly admin: ServerConfig | null
  /** `null`: no metrics server. */
  readonly metrics: ServerConfig | null
  readonly log: LogConfig
  readonly shutdown: ShutdownConfig
  /** Never `null` when a listener has TLS or an upstream has mutual TLS. */
  readonly identity: IdentityConfig | null
  /** At least one, in the order of the file. */
  readonly listeners: readonly ListenerConfig[]
  /** In the order of the file; names are unique. */
  readonly upstreams: readonly UpstreamConfig[]
}

export interface ServerConfig {
  readonly address: Address
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogConfig {
  readonly level: LogLevel
  /** Whether each request gets a line in the log. */
  readonly access: boolean
}

export interface ShutdownConfig {
  /** Longest time between the first signal and the exit, in milliseconds. */
  readonly grace: number
}

/** Absolute paths; each file existed and was readable when the configuration was loaded. */
export interface IdentityConfig {
  readonly trustDomain: string
  readonly certificateFile: string
  readonly keyFile: string
  readonly trustBundleFile: string
}
