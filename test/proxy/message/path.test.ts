import t from 'tap'
import { isPath } from '../../../config/values.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'
import {
  isEscapedTwice,
  normalisePath,
  otherReadings,
  PathFault,
  type PathRules,
  STRICT_PATHS,
} from '../../../proxy/message/path.ts'
import { naivePath } from './naive-path.ts'

const KEEP: PathRules = { keepEscapedSlashes: true, mergeSlashes: true }
const APART: PathRules = { keepEscapedSlashes: false, mergeSlashes: false }
const LOOSE: PathRules = { keepEscapedSlashes: true, mergeSlashes: false }

/** What comes, and the form it is given. */
const REWRITTEN: readonly (readonly [string, string, PathRules?])[] = [
  // Unreserved characters need no escape (RFC 3986 §6.2.2.2), others are written in capitals (§6.2.2.1).
  ['/%61dmin', '/admin'],
  ['/%41%5A%61%7A%30%39%2D%5f%7e', '/AZaz09-_~'],
  ['/a%2eb', '/a.b'],
  ['/%7Euser', '/~user'],
  ['/%c3%a4', '/%C3%A4'],
  ['/%C3%a4', '/%C3%A4'],
  ['/%3a%40', '/%3A%40'],
  ['/a%3bb', '/a%3Bb'],
  ['/a%3fb', '/a%3Fb'],
  ['/a%23b', '/a%23b'],
  ['/a%25', '/a%25'],
  ['/%2561', '/%2561'],
  ['/%252e%252E/', '/%252e%252E/'],
  ['/%61%20b', '/a%20b'],
  ['/%e2%80%ae', '/%E2%80%AE'],
  // Dot segments (§5.2.4).
  ['/.', '/'],
  ['/./', '/'],
  ['/a/.', '/a/'],
  ['/a/./', '/a/'],
  ['/a/./b', '/a/b'],
  ['/a/..', '/'],
  ['/a/../', '/'],
  ['/a/../b', '/b'],
  ['/a/b/..', '/a/'],
  ['/a/b/../', '/a/'],
  ['/a/b/../../c', '/c'],
  ['/a/b/c/./../../g', '/a/g'],
  ['/mid/content=5/../6', '/mid/6'],
  ['/public/%2e%2e/admin', '/admin'],
  ['/public/%2E%2E/admin', '/admin'],
  ['/public/.%2e/admin', '/admin'],
  ['/public/%2e./admin', '/admin'],
  ['/a/%2e/b', '/a/b'],
  ['/admin/%2e', '/admin/'],
  ['/x/../admin?a=b', '/admin?a=b'],
  // Empty segments.
  ['//', '/'],
  ['//admin', '/admin'],
  ['///admin//x///', '/admin/x/'],
  ['/a//b', '/a/b'],
  ['/a//../b', '/b'],
  ['/a/.//b', '/a/b'],
  ['//a/..//./%61//?//', '/a/?//'],
  // Parameters belong to their segment.
  ['/a;x/../admin', '/admin'],
  ['/a/;/../b', '/a/b'],
  // Slashes apart.
  ['//a//b/', '//a//b/', APART],
  ['/a//../b', '/a/b', APART],
  ['/a/..//b', '//b', APART],
  ['//..', '/', APART],
  ['/a/.//', '/a//', APART],
  // Escaped slashes kept.
  ['/projects/a%2fb', '/projects/a%2Fb', KEEP],
  ['/projects/%61%2Fb//issues', '/projects/a%2Fb/issues', KEEP],
  ['/a%2Fb/../c', '/c', KEEP],
  ['/%2f//%2F', '/%2F/%2F', KEEP],
  ['/x/%2f//%2F', '/x/%2F//%2F', LOOSE],
]

/** What has its form already. */
const KEPT: readonly (readonly [string, PathRules?])[] = [
  ['/'],
  ['*'],
  ['/helloworld.Greeter/SayHello'],
  ['/a/b/c?d=e'],
  ['/a/'],
  ['/?'],
  ['/?a=%2f%00/../\\//%zz%'],
  ['/a?/../b'],
  ['/.well-known/x'],
  ['/...'],
  ['/a/...'],
  ['/..a/.b/c..'],
  ['/a.b/c..d'],
  ['/50%20/%C3%A4/%40'],
  ['/%3B%2C%3D%24%26%2B'],
  ['/orders;v=1/5'],
  ['/a;x'],
  ['/;'],
  ['/a..;x'],
  ["/!$&'()*+,;=:@-._~"],
  ['/"<>[]^`{|}'],
  ['/a%2Fb', KEEP],
  ['/a%2F', KEEP],
  ['/a%2F..b', KEEP],
  ['//', APART],
  ['/a//', APART],
]

const REFUSED: readonly (readonly [string, RegExp, PathRules?])[] = [
  ['', /does not begin with \//],
  ['a', /does not begin with \//],
  ['?a', /does not begin with \//],
  ['**', /does not begin with \//],
  ['http://a/', /does not begin with \//],
  ['/a%2fb', /escaped slash/],
  ['/a%2Fb', /escaped slash/],
  ['/a/%2e%2e%2fadmin', /escaped slash/],
  ['/a\\b', /a backslash/],
  ['/\\', /a backslash/],
  ['/a/..\\admin', /a backslash/],
  ['/a%5cb', /escaped backslash/],
  ['/a/..%5Cadmin', /escaped backslash/, KEEP],
  ['/a%00', /escaped control/],
  ['/admin%00.html', /escaped control/, LOOSE],
  ['/a%0d%0ab', /escaped control/],
  ['/a%09', /escaped control/],
  ['/a%1F', /escaped control/],
  ['/a%7f', /escaped control/],
  ['/a%', /two hexadecimal/],
  ['/a%4', /two hexadecimal/],
  ['/a%zz', /two hexadecimal/],
  ['/a%4g', /two hexadecimal/],
  ['/a%g4', /two hexadecimal/],
  ['/a%%41', /two hexadecimal/],
  ['/a%4?1', /two hexadecimal/],
  ['/a%u0041', /two hexadecimal/],
  ['/a%4\u0131', /two hexadecimal/],
  ['/%61/%', /two hexadecimal/],
  ['/a#b', /^# in/],
  ['/../#', /^# in/],
  ['/..', /above its root/],
  ['/../', /above its root/],
  ['/../a', /above its root/],
  ['/a/../..', /above its root/],
  ['/a/../../b', /above its root/],
  ['/%2e%2e', /above its root/],
  ['//..', /above its root/],
  ['/./..', /above its root/],
  ['/../a', /above its root/, LOOSE],
  ['/\xe4', /beyond ASCII/],
  ['/\xff', /beyond ASCII/],
  ['/\u4e2d', /beyond ASCII/],
  ['/a b', /a space/],
  ['/a\tb', /control/],
  ['/a\0', /control/],
  ['/a\x7f', /control/],
  ['/%61\xe4', /beyond ASCII/],
  ['/a/..;/admin', /dot segment with a parameter/],
  ['/a/..;x=y/admin', /dot segment with a parameter/],
  ['/a/.;/admin', /dot segment with a parameter/],
  ['/a/%2e%2e;/admin', /dot segment with a parameter/],
  ['/a/..%3b/admin', /dot segment with a parameter/],
  ['/a/..%3B', /dot segment with a parameter/],
  ['/a/..;', /dot segment with a parameter/],
  ['/a/..%2fadmin', /dot segment beside an escaped slash/, KEEP],
  ['/a%2F../admin', /dot segment beside an escaped slash/, KEEP],
  ['/a/%2e%2e%2Fadmin', /dot segment beside an escaped slash/, KEEP],
  ['/a%2f.%2fb', /dot segment beside an escaped slash/, KEEP],
  ['/a%2f..;x', /dot segment beside an escaped slash/, LOOSE],
  ['/.%2F', /dot segment beside an escaped slash/, LOOSE],
]

t.test('the one form of a path', async (t) => {
  for (const [path, form, rules = STRICT_PATHS] of REWRITTEN) t.equal(normalisePath(path, rules), form, path)
})

t.test('what needs nothing is returned as it is', async (t) => {
  for (const [path, rules = STRICT_PATHS] of KEPT) t.equal(normalisePath(path, rules), path, path)
})

t.test('what is refused, and why', async (t) => {
  for (const [path, why, rules = STRICT_PATHS] of REFUSED) {
    const fault = normalisePath(path, rules)
    t.ok(fault instanceof PathFault, `${JSON.stringify(path)} is refused`)
    t.match((fault as PathFault).detail, why, JSON.stringify(path))
  }
})

t.test('the naive one agrees on every vector', async (t) => {
  for (const [path, form, rules = STRICT_PATHS] of REWRITTEN) t.equal(naivePath(path, rules), form, path)
  for (const [path, rules = STRICT_PATHS] of KEPT) t.equal(naivePath(path, rules), path, path)
  for (const [path, , rules = STRICT_PATHS] of REFUSED) t.equal(naivePath(path, rules), null, path)
})

// Pieces that matter, so that what is drawn is more often near a rule than not.
const PIECES = (
  '/ / / // . .. ... a b A ~ ; ;x= ? # \\ * : @ - % %2 %2e %2E %2f %2F %5c %5C %25 %252e %3b %3B %61 %41 %c3 %C3 ' +
  '%A4 %00 %0a %7f %7E %20 %zz %g1 \xe4 \u0131'
).split(' ')

function* drawn(count: number): Generator<string> {
  const random = new SeededRandom(7)
  for (let i = 0; i < count; i++) {
    let path = random.next() < 0.97 ? '/' : ''
    const pieces = Math.floor(random.next() * 9)
    for (let k = 0; k < pieces; k++) path += PIECES[Math.floor(random.next() * PIECES.length)]
    yield path
  }
}

t.test('drawn paths: the same as the naive one, and the form of a form is itself', async (t) => {
  let [forms, refused, rewritten] = [0, 0, 0]
  const wrong: string[] = []
  for (const path of drawn(60_000)) {
    for (const rules of [STRICT_PATHS, KEEP, APART, LOOSE]) {
      const form = normalisePath(path, rules)
      if (form instanceof PathFault) {
        refused++
        if (naivePath(path, rules) !== null) wrong.push(`${path} is refused: ${form.detail}`)
        continue
      }
      forms++
      if (form !== path) rewritten++
      if (form !== naivePath(path, rules)) wrong.push(`${path} became ${form}, not ${naivePath(path, rules)}`)
      if (normalisePath(form, rules) !== form) wrong.push(`${path} became ${form}, which is no form`)
    }
  }
  t.strictSame(wrong.slice(0, 10), [])
  t.ok(forms > 20_000 && refused > 20_000 && rewritten > 10_000, `${forms} ${refused} ${rewritten}`)
})

t.test('drawn paths: what rules and routes can be written for is what has this form', async (t) => {
  const wrong: string[] = []
  let paths = 0
  for (const path of drawn(30_000)) {
    const [name = ''] = path.split('?')
    if (isPath(name)) paths++
    if (isPath(name) !== (normalisePath(name, KEEP) === name && name !== '*')) wrong.push(name)
  }
  t.strictSame(wrong.slice(0, 10), [])
  t.ok(paths > 1000, `${paths}`)
})

t.test('drawn paths: no reading of a form leads above or beside it unseen', async (t) => {
  // A server that decodes escaped slashes, drops parameters, merges slashes and resolves dot segments, in any order.
  const steps: readonly ((path: string) => string)[] = [
    (path) => path.replaceAll('%2F', '/'),
    (path) => path.replace(/;[^/]*/g, ''),
    (path) => path.replace(/%3B/g, ';').replace(/;[^/]*/g, ''),
    (path) => path.replace(/\/+/g, '/'),
  ]
  const wrong: string[] = []
  let several = 0
  for (const path of drawn(20_000)) {
    const form = normalisePath(path, LOOSE)
    if (form instanceof PathFault) continue
    const [name = ''] = form.split('?')
    const readings = [name, ...otherReadings(name)]
    if (readings.length > 1) several++
    for (let order = 0; order < 256; order++) {
      let read = name
      for (let k = 0; k < 4; k++) read = (steps[(order >> (2 * k)) & 3] as (path: string) => string)(read)
      if (/\/\.\.?(?:\/|$)/.test(read)) wrong.push(`${name} is read as ${read}`)
      if (!readings.includes(read)) wrong.push(`${name} is read as ${read}, not one of ${readings.join(' ')}`)
    }
  }
  t.strictSame([...new Set(wrong)].slice(0, 10), [])
  t.ok(several > 1000, `${several}`)
})

t.test('what other servers may read', async (t) => {
  for (const path of ['/', '/a/b', '/a%25b', '/.well-known']) t.strictSame(otherReadings(path), [], path)
  t.strictSame(otherReadings('/admin;x'), ['/admin'])
  t.strictSame(otherReadings('/admin%3Bx/y;z'), ['/admin%3Bx/y', '/admin/y'])
  t.strictSame(otherReadings('/a%2Fb'), ['/a/b'])
  t.strictSame(otherReadings('/a//b'), ['/a/b'])
  t.strictSame(otherReadings('/;/a'), ['//a', '/a'])
  t.strictSame([...otherReadings('/x;a%2Fb')].sort(), ['/x', '/x/b', '/x;a/b'])
})

t.test('what a second decoding changes', async (t) => {
  for (const path of ['/%252e%252e/a', '/%2561', '/%252F', '/%255C', '/%2500', '/%253B', '/a%20%252525'])
    t.ok(isEscapedTwice(path), path)
  for (const path of ['/', '/100%25', '/%25x', '/%25%20', '/a%2520b', '/%25C3', '/%2', '/%254'])
    t.notOk(isEscapedTwice(path), path)
})
