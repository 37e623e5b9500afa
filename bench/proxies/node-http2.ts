import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runToEnd } from '../process.ts'
import type { Competitor } from './competitor.ts'

const SOURCES = ['http2.ts', 'http1.ts'].map((name) =>
  fileURLToPath(new URL(`../node-proxy/${name}`, import.meta.url)),
)
const COMPILER = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url))

/** The proxy one writes with node:http2 (or node:http for HTTP/1.1) in an afternoon: a pipe per stream. */
export const nodeHttp2: Competitor = {
  name: 'node-http2',
  command: 'node',
  debianPackage: 'nodejs',
  uniqueRequestId: true,
  async launch(setup) {
    // Compiled first: a loader in the process would count in its memory.
    const compiled = join(setup.folder, 'compiled')
    mkdirSync(compiled)
    writeFileSync(join(compiled, 'package.json'), '{"type":"module"}')
    await runToEnd(process.execPath, [
      ...[COMPILER, '--ignoreConfig', '--outDir', compiled, '--target', 'es2023', '--module', 'nodenext'],
      ...[
        '--types',
        'node',
        '--typeRoots',
        fileURLToPath(new URL('../../node_modules/@types', import.meta.url)),
      ],
      ...['--skipLibCheck', ...SOURCES],
    ])
    const { certificateFile, keyFile } = setup.identity
    const ports = [String(setup.listenPort), String(setup.upstreamPort)]
    const args =
      setup.protocol === 'h2'
        ? [join(compiled, 'http2.js'), ...ports, certificateFile, keyFile]
        : [join(compiled, 'http1.js'), ...ports]
    return { command: process.execPath, args }
  },
}
