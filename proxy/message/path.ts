/** What a listener makes of the forms of a path on which readers disagree. */
export interface PathRules {
  /** `%2F` stays as it is, neither decoded nor refused. */
  readonly keepEscapedSlashes: boolean
  /** Empty segments are dropped. */
  readonly mergeSlashes: boolean
}

/** Refuses escaped slashes, merges empty segments. */
export const STRICT_PATHS: PathRules = { keepEscapedSlashes: false, mergeSlashes: true }

/** Why a path is refused. */
export class PathFault {
  /** For people: what is wrong with it. */
  readonly detail: string

  constructor(detail: string) {
    this.detail = detail
  }
}

const NOT_ABSOLUTE = new PathFault('the path does not begin with /')
const FRAGMENT = new PathFault('# in the path')
const BACKSLASH = new PathFault('a backslash in the path')
const OCTET = new PathFault('a space, a control character or an octet beyond ASCII in the path')
const BAD_ESCAPE = new PathFault('% without two hexadecimal digits in the path')
const ESCAPED_SLASH = new PathFault(
  'an escaped slash (%2F) in the path, which paths.escapedSlashes of the listener refuses',
)
const ESCAPED_BACKSLASH = new PathFault('an escaped backslash (%5C) in the path')
const ESCAPED_CONTROL = new PathFault('an escaped control character in the path')
const ABOVE_ROOT = new PathFault('the path climbs above its root')
const DOTS_WITH_PARAMETER = new PathFault('a dot segment with a parameter (..;) in the path')
const DOTS_BY_ESCAPED_SLASH = new PathFault('a dot segment beside an escaped slash in the path')

const PERCENT = 0x25
const DOT = 0x2e
const SLASH = 0x2f
const SEMICOLON = 0x3b
const QUESTION = 0x3f

// What an octet of a path is, written as it is or escaped.
const PLAIN = 0
/** Unreserved (RFC 3986 §2.3): the same escaped or not. */
const UNRESERVED = 1
/** Slash, dot, percent, question mark: looked at more closely. */
const STRUCTURE = 2
const REFUSED = 3

/** By octet, as written in a path. */
const WRITTEN = new Uint8Array(256).fill(REFUSED)
/** By octet, as an escape stands for it. */
const ESCAPED = new Uint8Array(256).fill(PLAIN)
for (let octet = 0x21; octet < 0x7f; octet++) WRITTEN[octet] = PLAIN
for (const char of '#\\') WRITTEN[char.charCodeAt(0)] = REFUSED
for (const char of '%./?') WRITTEN[char.charCodeAt(0)] = STRUCTURE
for (let octet = 0; octet < 0x20; octet++) ESCAPED[octet] = REFUSED
for (const char of '\x7f\\') ESCAPED[char.charCodeAt(0)] = REFUSED
ESCAPED[SLASH] = STRUCTURE
for (const char of '-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ') {
  ESCAPED[char.charCodeAt(0)] = UNRESERVED
}

/** The value of each HEXDIG, -1 for every other octet. */
const HEX = new Int8Array(256).fill(-1)
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16)
  HEX[digit.charCodeAt(0)] = value
  HEX[digit.toUpperCase().charCodeAt(0)] = value
}

/**
 * The one form of a request's path that is matched, authorized, forwarded and logged (RFC 3986 §6.2.2): escapes of
 * unreserved characters are decoded and the others upper case, dot segments resolved (§5.2.4), empty segments dropped.
 * What readers take for different paths is refused. The query stays as it is, and so does "*" (OPTIONS). A path that is
 * in this form already, which nearly all are, is returned as it is, after one scan.
 *
 * `;` is a character like others (RFC 3986 §3.3), and is forwarded as it came. Where rules judge paths they have to hold
 * with and without such parameters: see `otherReadings`.
 */
export function normalisePath(path: string, rules: PathRules): string | PathFault {
  const length = path.length
  if (length === 0 || path.charCodeAt(0) !== SLASH) return path === '*' ? path : NOT_ABSOLUTE
  let behindSlash = true
  for (let i = 1; i < length; i++) {
    const octet = path.charCodeAt(i)
    const kind = octet > 0xff ? REFUSED : (WRITTEN[octet] as number)
    if (kind === PLAIN) {
      behindSlash = false
      continue
    }
    if (kind === REFUSED) return faultOf(octet)
    if (octet === QUESTION) return path
    if (octet === SLASH) {
      if (behindSlash) return rewrite(path, rules)
      behindSlash = true
    } else if (octet === DOT) {
      if (behindSlash) return rewrite(path, rules)
    } else {
      const value = escapeAt(path, i)
      if (value < 0) return BAD_ESCAPE
      const fault = faultOfEscape(value, rules)
      if (fault !== null) return fault
      if (ESCAPED[value] !== PLAIN || !isUpperCaseEscape(path, i)) return rewrite(path, rules)
      i += 2
      behindSlash = false
    }
  }
  return path
}

/** The octet that the escape at `at` stands for, -1 when it is none. */
function escapeAt(text: string, at: number): number {
  if (at + 2 >= text.length) return -1
  const high = text.charCodeAt(at + 1)
  const low = text.charCodeAt(at + 2)
  if (high > 0x7f || low > 0x7f) return -1
  const value = ((HEX[high] as number) << 4) | (HEX[low] as number)
  return value < 0 ? -1 : value
}

function isUpperCaseEscape(text: string, at: number): boolean {
  // Letters of lower case are above 0x60, digits and those of upper case below.
  return text.charCodeAt(at + 1) < 0x60 && text.charCodeAt(at + 2) < 0x60
}

function faultOf(octet: number): PathFault {
  if (octet === 0x23) return FRAGMENT
  return octet === 0x5c ? BACKSLASH : OCTET
}

function faultOfEscape(value: number, rules: PathRules): PathFault | null {
  if (ESCAPED[value] === REFUSED) return value === 0x5c ? ESCAPED_BACKSLASH : ESCAPED_CONTROL
  return value === SLASH && !rules.keepEscapedSlashes ? ESCAPED_SLASH : null
}

/** The same for a path that may need it. */
function rewrite(whole: string, rules: PathRules): string | PathFault {
  const query = whole.indexOf('?')
  const decoded = decode(query < 0 ? whole : whole.slice(0, query), rules)
  if (typeof decoded !== 'string') return decoded
  const path = resolve(decoded, rules)
  if (typeof path !== 'string' || query < 0) return path
  return path + whole.slice(query)
}

/** Decodes escapes of unreserved characters, makes the others upper case, and refuses what no path may hold. */
function decode(path: string, rules: PathRules): string | PathFault {
  let out = ''
  let from = 0
  for (let i = 0; i < path.length; i++) {
    const octet = path.charCodeAt(i)
    if (octet > 0xff || WRITTEN[octet] === REFUSED) return faultOf(octet)
    if (octet !== PERCENT) continue
    const value = escapeAt(path, i)
    if (value < 0) return BAD_ESCAPE
    const fault = faultOfEscape(value, rules)
    if (fault !== null) return fault
    out += path.slice(from, i)
    out += ESCAPED[value] === UNRESERVED ? String.fromCharCode(value) : path.slice(i, i + 3).toUpperCase()
    i += 2
    from = i + 1
  }
  return from === 0 ? path : out + path.slice(from)
}

/** Resolves dot segments and drops empty ones in a path that is decoded. */
function resolve(path: string, { mergeSlashes, keepEscapedSlashes }: PathRules): string | PathFault {
  const kept: string[] = []
  const segments = path.split('/')
  const last = segments.length - 1
  // The first one is what stands before the leading slash: nothing.
  for (let i = 1; i <= last; i++) {
    const segment = segments[i] as string
    if (segment === '.' || segment === '..') {
      if (segment === '..' && kept.pop() === undefined) return ABOVE_ROOT
      if (i === last) kept.push('')
    } else if (segment !== '' || !mergeSlashes || i === last) {
      if (isDotsWithParameter(segment)) return DOTS_WITH_PARAMETER
      if (keepEscapedSlashes && segment.includes('%2F') && segment.split('%2F').some(isDots)) {
        return DOTS_BY_ESCAPED_SLASH
      }
      kept.push(segment)
    }
  }
  return `/${kept.join('/')}`
}

function isDotsWithParameter(segment: string): boolean {
  if (segment.charCodeAt(0) !== DOT) return false
  const at = segment.charCodeAt(1) === DOT ? 2 : 1
  return segment.charCodeAt(at) === SEMICOLON || segment.startsWith('%3B', at)
}

function isDots(segment: string): boolean {
  return segment === '.' || segment === '..' || isDotsWithParameter(segment)
}

const NONE: readonly string[] = []

// What servers do to a path they are given, each of them in an order of its own.
const HABITS: readonly ((path: string) => string)[] = [
  (path) => path.replace(/;[^/]*/g, ''),
  (path) => path.replace(/(?:;|%3B)[^/]*/g, ''),
  (path) => path.replaceAll('%2F', '/'),
  (path) => path.replace(/\/{2,}/g, '/'),
]

/**
 * What other servers may take a normalised path (without query) for: they drop parameters (`/admin;x` is `/admin` to
 * servlets), decode escaped slashes, merge slashes. Empty for nearly every path, a few dozen at most. A rule about paths
 * has to hold for all of them.
 */
export function otherReadings(path: string): readonly string[] {
  const odd = path.includes(';') || path.includes('%3B') || path.includes('%2F') || path.includes('//')
  if (!odd) return NONE
  const readings = [path]
  // The list grows while it is walked: each habit is tried on what the others made of the path.
  for (const known of readings) {
    for (const habit of HABITS) {
      const reading = habit(known)
      if (!readings.includes(reading)) readings.push(reading)
    }
  }
  return readings.slice(1)
}

/**
 * True when decoding a normalised path a second time, which no server should do (RFC 3986 §2.4) and some have done, makes
 * another path of it: an escaped percent sign before two digits that stand for what decides about a path.
 */
export function isEscapedTwice(path: string): boolean {
  for (let at = path.indexOf('%25'); at >= 0; at = path.indexOf('%25', at + 3)) {
    const value = escapeAt(path, at + 2)
    if (value === PERCENT || value === SEMICOLON || (value >= 0 && ESCAPED[value] !== PLAIN)) return true
  }
  return false
}
