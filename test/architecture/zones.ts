/**
 * Who may import whom. A zone is a folder (or, of codec's own files and of the top level of proxy, a group of files);
 * each may import itself and what stands behind it here.
 */
const SHARED = ['proxy/base', 'proxy/message', 'proxy/telemetry', 'certs', 'config/types']
const CODECS = ['proxy/codec', 'proxy/codec/http1', 'proxy/codec/http2']
const DECISIONS = ['proxy/route', 'proxy/policy', 'proxy/balance', 'proxy/discovery']
const LAYERS = [
  ...SHARED,
  ...CODECS,
  ...DECISIONS,
  'proxy/downstream',
  'proxy/upstream',
  'proxy/exchange',
  'proxy/app',
]

export const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  certs: [],
  config: ['config/types'],
  'config/types': [],
  'proxy/base': [],
  'proxy/message': ['proxy/base'],
  'proxy/telemetry': ['proxy/base'],
  'proxy/codec': ['proxy/base', 'proxy/message'],
  'proxy/codec/http1': ['proxy/base', 'proxy/message', 'proxy/codec'],
  'proxy/codec/http2': ['proxy/base', 'proxy/message', 'proxy/codec'],
  'proxy/route': SHARED,
  'proxy/policy': SHARED,
  'proxy/balance': SHARED,
  'proxy/discovery': SHARED,
  'proxy/downstream': [...SHARED, ...CODECS],
  'proxy/upstream': [...SHARED, ...CODECS],
  'proxy/exchange': [...SHARED, ...CODECS, ...DECISIONS, 'proxy/downstream', 'proxy/upstream'],
  'proxy/app': [...SHARED, 'proxy/balance'],
  'proxy/admin': [...LAYERS, 'config', 'proxy'],
  'proxy/commands': [...LAYERS, 'config', 'proxy', 'proxy/admin', 'examples'],
  proxy: [...LAYERS, 'config', 'proxy/admin', 'proxy/commands'],
  examples: ['certs', 'config', 'config/types'],
}

/** The zone that a file belongs to; the longest name that its path begins with. */
export function zoneOf(path: string): string {
  if (path in ALLOWED) return path
  const parts = path.split('/').slice(0, -1)
  while (parts.length > 0) {
    const zone = parts.join('/')
    if (zone in ALLOWED) return zone
    // A folder directly in proxy that no rule names must not pass as top level.
    if (parts[0] === 'proxy' && parts.length === 2) return zone
    parts.pop()
  }
  return path
}

/** True when a file of zone `from` may import a file of zone `to`. */
export function mayImport(from: string, to: string): boolean {
  return from === to || (ALLOWED[from]?.includes(to) ?? false)
}
