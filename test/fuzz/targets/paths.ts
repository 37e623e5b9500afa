import { isEscapedTwice, normalisePath, otherReadings, type PathRules } from '../../../proxy/message/path.ts'
import { naivePath } from '../../proxy/message/naive-path.ts'
import { gist, type Note, promise, type Target } from '../target.ts'

const RULES: readonly PathRules[] = [0, 1, 2, 3].map((bits) => ({
  keepEscapedSlashes: (bits & 1) !== 0,
  mergeSlashes: (bits & 2) !== 0,
}))

/** The first byte picks the rules; the rest is a path. */
export const paths: Target = {
  name: 'paths',
  about: 'normalised paths, against a naive function',
  maxBytes: 200,
  seeds: () =>
    [
      '/',
      '/a/b?c=d',
      '/a/../b/./c',
      '//a//',
      '/%2F%2e%41',
      '/a;x=y/b',
      '/..;/a',
      '/%252e/a',
      '*',
      '/a%5cb',
    ].flatMap((path) =>
      [0, 1, 2, 3].map((rules) => Buffer.from(String.fromCharCode(rules) + path, 'latin1')),
    ),
  dictionary: [
    ...[
      '/',
      '.',
      '..',
      '/../',
      '/./',
      '//',
      ';',
      '%2F',
      '%2f',
      '%2E',
      '%2e',
      '%5C',
      '%25',
      '%3B',
      '%00',
      '%41',
      '?',
      '#',
    ],
    ...['..;', '%', '%2', '%2g', '\\'],
  ].map((text) => Buffer.from(text, 'latin1')),
  mutate: null,
  run: normalise,
}

function normalise(input: Buffer, note: Note): void {
  const rules = RULES[(input[0] ?? 0) & 3] as PathRules
  const path = input.toString('latin1', 1)
  const normal = normalisePath(path, rules)
  const wanted = naivePath(path, rules)
  if (typeof normal !== 'string') {
    note(gist(normal.detail))
    promise(wanted === null, `refused, but not by the naive function: ${normal.detail}`)
    return
  }
  promise(normal === wanted, `${normal} is not ${wanted}`)
  promise(normalisePath(normal, rules) === normal, 'the normal form has another normal form')
  const bare = normal.replace(/\?.*$/s, '')
  promise(!/(?:^|\/)\.\.?(?:\/|$)/.test(bare), 'a dot segment is left')
  promise(!rules.mergeSlashes || !bare.includes('//'), 'an empty segment is left')
  const readings = otherReadings(bare)
  promise(readings.length < 50, 'readings without end')
  promise(new Set([bare, ...readings]).size === readings.length + 1, 'a reading comes twice')
  note(
    `${normal === path} ${Math.min(8, readings.length)} ${isEscapedTwice(bare)} ${Math.min(6, bare.split('/').length)}`,
  )
}
