import { resolve } from 'node:path'
import { balanceMapping } from '../balance-schema.ts'
import type { ConfigDocument } from '../schema.ts'
import type { BalanceConfig, HashKeyConfig, StickyConfig } from '../types/upstream.ts'
import { orNull } from './off.ts'

type UpstreamDocument = ConfigDocument['upstreams'][string]
type StickyDocument = NonNullable<UpstreamDocument['sticky']>
type HashKeyDocument = NonNullable<Exclude<UpstreamDocument['balance'], string>['hash']>[number]

export function resolveBalance(balance: UpstreamDocument['balance']): BalanceConfig {
  const all = typeof balance === 'string' ? balanceMapping.parse({ policy: balance }) : balance
  return {
    ...all,
    failurePenalty: orNull(all.failurePenalty),
    hash: (all.hash ?? []).map(resolveHashKey),
    boundedLoad: all.boundedLoad ?? null,
  }
}

function resolveHashKey({ header, cookie, ttl, path }: HashKeyDocument): HashKeyConfig {
  if (header !== undefined) return { kind: 'header', name: header.toLowerCase() }
  if (cookie !== undefined) {
    const generated = ttl !== undefined
    return { kind: 'cookie', cookie: { name: cookie, maxAge: seconds(ttl ?? 0), path: '/' }, generated }
  }
  return path === true ? { kind: 'path' } : { kind: 'source' }
}

export function resolveSticky(sticky: StickyDocument, baseDir: string): StickyConfig {
  const { cookie, ttl, path, keyFile } = sticky
  return {
    cookie: { name: cookie, maxAge: seconds(ttl), path },
    keyFile: keyFile === undefined ? null : resolve(baseDir, keyFile),
  }
}

/** Whole ones: what is shorter must not become a cookie without an end. */
function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000)
}
