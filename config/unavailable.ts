import { Part } from './part.ts'
import { type Path, show } from './problems.ts'

/** What the configuration will have, and cannot have yet. */
interface Unavailable {
  /** Keys from the top, `*` for every name or item. */
  readonly path: string
  /** Only these values; without it the key as such. */
  readonly values?: (value: unknown) => boolean
  /** What to do instead. */
  readonly advice: string
  /** Keys beside it that nobody should be told are missing. */
  readonly standsFor?: readonly string[]
}

const leaveOut = 'leave it out'

const table: readonly Unavailable[] = [
  {
    path: 'workers',
    values: (value) => value === 'auto' || (Number.isInteger(value) && (value as number) > 1),
    advice: 'use 1',
  },
  { path: 'app', advice: 'use an inbound listener and an upstream for the application' },
  { path: 'tracing', advice: leaveOut },
  {
    path: 'identity.issuer',
    advice: 'use certificateFile, keyFile and trustBundleFile',
    standsFor: ['certificateFile', 'keyFile', 'trustBundleFile'],
  },
  ...['jwt', 'rateLimit', 'proxyProtocol'].map((key) => ({ path: `listeners.*.${key}`, advice: leaveOut })),
  ...[
    'mirror',
    'fault',
    'headers',
    'rewrite',
    'redirect',
    'respond',
    'cors',
    'jwt',
    'authorize',
    'rateLimit',
    'hedge',
    'transcode',
  ].map((key) => ({ path: `listeners.*.routes.*.${key}`, advice: leaveOut })),
  ...['regex', 'template', 'query', 'principals'].map((key) => ({
    path: `listeners.*.routes.*.match.${key}`,
    advice: 'use authority, path, prefix, grpc, methods or headers',
  })),
  ...['dns', 'kubernetes', 'file'].map((key) => ({
    path: `upstreams.*.${key}`,
    advice: 'use endpoints',
    standsFor: ['endpoints'],
  })),
  { path: 'upstreams.*.token', advice: leaveOut },
]

export interface UnavailablePart {
  readonly path: Path
  readonly message: string
  /** Paths that are not to be reported as missing. */
  readonly standsFor: readonly Path[]
}

/**
 * Finds what is not available yet and takes it out of the document, so that the schema does not call it unknown
 * as well.
 */
export function takeOutUnavailable(data: unknown): UnavailablePart[] {
  const found: UnavailablePart[] = []
  for (const entry of table) {
    for (const part of select(new Part(data), entry.path.split('.'))) {
      if (entry.values !== undefined && !entry.values(part.value)) continue
      const what = entry.values === undefined ? '' : `${show(part.value)} is `
      const beside = part.path.slice(0, -1)
      found.push({
        path: part.path,
        message: `${what}not available yet in this version; ${entry.advice}`,
        standsFor: (entry.standsFor ?? []).map((key) => [...beside, key]),
      })
      Part.remove(data, part.path)
    }
  }
  return found
}

function select(part: Part, steps: readonly string[]): Part[] {
  const [step, ...rest] = steps
  if (step === undefined) return part.exists ? [part] : []
  if (step === '*') return part.children().flatMap((child) => select(child, rest))
  return select(part.get(step), rest)
}
