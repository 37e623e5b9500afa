import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from './sources.ts'

const page = readFileSync(join(ROOT, 'docs/security.md'), 'utf8')

/** Attack and proof of each row below a heading. */
function rowsBelow(heading: string): [string, string][] {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? ''
  return section
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| attack |'))
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')) as [string, string])
}

/** What has to be withstood: by protocol, the beginning of each row. */
const ATTACKS: Readonly<Record<string, readonly string[]>> = {
  'Attacks over HTTP/2 and their tests': [
    'rapid reset',
    'resets that we are made to send',
    'CONTINUATION',
    'HPACK bombs',
    'floods of PING, SETTINGS and RST_STREAM',
    'empty and tiny DATA',
    'PRIORITY',
    'WINDOW_UPDATE',
    'slow reading',
    'abuse of SETTINGS',
    'windows beyond 2^31-1',
    'DATA behind a reset',
    'stream identifiers near 2^31',
    'more streams than agreed',
    'a stalled stream',
  ],
  'Attacks over HTTP/1.1 and in translation, and their tests': [
    'Content-Length with Transfer-Encoding',
    'Content-Length twice',
    'a body behind an answer of our own',
    'Expect',
    'folded lines',
    'chunk sizes',
    'Content-Length that is not the sum of DATA',
    'connection-specific fields',
    'invalid field names and values',
    ':path',
    'pseudo-fields',
    'Host that is not the authority',
    'trailers',
    'paths that can be read in two ways',
    'SNI or principal',
    'Upgrade and CONNECT',
    'fields that Connection names',
    'forged X-Forwarded-*',
    'several values where one decides',
    'responses of endpoints',
    'heads, bodies and deadlines without end',
  ],
}

for (const [heading, attacks] of Object.entries(ATTACKS)) {
  t.test(`docs/security.md, ${heading}: every attack names tests that exist`, async (t) => {
    const rows = rowsBelow(heading)
    t.strictSame(
      rows.map(([attack], i) => attack.startsWith(attacks[i] ?? '?')),
      attacks.map(() => true),
      'the rows are those that have to be there, in their order',
    )
    for (const [attack, proof] of rows) {
      const proofs = [...proof.matchAll(/`([^`]+\.test\.ts)`: ((?:"[^"]+"(?:, )?)+)/g)]
      t.ok(proofs.length > 0, `${attack}: has a proof`)
      for (const [, path = '', titles = ''] of proofs) {
        if (!t.ok(existsSync(join(ROOT, path)), `${attack}: ${path} is there`)) continue
        const source = readFileSync(join(ROOT, path), 'utf8')
        for (const [, title = ''] of titles.matchAll(/"([^"]+)"/g))
          t.ok(source.includes(title), `${attack}: ${path} has "${title}"`)
      }
    }
  })
}
