import { isIP } from 'node:net'
import type { ResolverAddress } from '../../../config/types/discovery.ts'

/** What /etc/resolv.conf says, see resolv.conf(5). */
export interface ResolvConf {
  /** At most three, as everywhere; none: 127.0.0.1. */
  readonly servers: readonly ResolverAddress[]
  /** Domains that are put behind a name that is not complete. */
  readonly search: readonly string[]
  /** A name with this many dots is tried as it is before that. */
  readonly ndots: number
  /** For one server to answer, in milliseconds. */
  readonly timeoutMs: number
  readonly attempts: number
}

/** For servers, as the C library has it. */
const MAX_SERVERS = 3
/** For one server to answer, in milliseconds: the C library waits for 5 s, after which callers have given up. */
const TIMEOUT_MS = 2000

/** Reads the text of a resolv.conf; what cannot be read is passed over, as everywhere. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: ResolverAddress[] = []
  let search: readonly string[] = []
  const options = { ndots: 1, timeout: TIMEOUT_MS / 1000, attempts: 2 }
  for (const line of text.split('\n')) {
    const [key, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/)
    if (key === 'nameserver' && isIP(values[0]?.replace(/%.*$/, '') ?? '') !== 0)
      servers.push({ host: values[0] as string, port: 53 })
    // The last one counts, whichever of the two it is.
    if (key === 'search' || key === 'domain') search = values.filter((domain) => domain !== '.')
    if (key !== 'options') continue
    for (const option of values) {
      const [name = '', value] = option.split(':')
      if (Object.hasOwn(options, name) && /^[0-9]+$/.test(value ?? ''))
        options[name as keyof typeof options] = Number(value)
    }
  }
  return {
    servers: servers.length === 0 ? [{ host: '127.0.0.1', port: 53 }] : servers.slice(0, MAX_SERVERS),
    search: search.map((domain) => domain.replace(/\.$/, '')),
    ndots: Math.min(15, options.ndots),
    timeoutMs: Math.min(30, Math.max(1, options.timeout)) * 1000,
    attempts: Math.min(5, Math.max(1, options.attempts)),
  }
}

/** The complete names that `name` may stand for, without a dot at the end, in the order in which they are tried. */
export function candidates(name: string, { search, ndots }: ResolvConf): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)]
  const below = search.map((domain) => `${name}.${domain}`)
  const dots = name.split('.').length - 1
  return dots >= ndots ? [name, ...below] : [...below, name]
}
