import type { Fields } from './fields.ts'

/** The value of a cookie in a request's fields (RFC 6265 §5.4), the first of that name; null when there is none. */
export function cookieValue(fields: Fields, name: string): string | null {
  const { names, values } = fields
  for (let i = 0; i < names.length; i++) {
    if (names[i] !== 'cookie') continue
    const value = find(values[i] as string, name)
    if (value !== null) return value
  }
  return null
}

function find(text: string, name: string): string | null {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const equals = at + name.length
    if (text.charCodeAt(equals) !== EQUALS || !beginsPair(text, at)) continue
    const end = text.indexOf(';', equals)
    return unquoted(text.slice(equals + 1, end < 0 ? text.length : end).trim())
  }
  return null
}

const [EQUALS, SEMICOLON, SPACE] = [0x3d, 0x3b, 0x20]

/** Whether nothing but white space stands between `at` and the pair before it. */
function beginsPair(text: string, at: number): boolean {
  let before = at - 1
  while (before >= 0 && text.charCodeAt(before) === SPACE) before -= 1
  return before < 0 || text.charCodeAt(before) === SEMICOLON
}

function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}

/** How a cookie is set: everything of `Set-Cookie` behind the value (RFC 6265 §5.2; SameSite as browsers have it). */
export interface CookieOptions {
  readonly name: string
  /** Seconds; 0: until the browser ends. */
  readonly maxAge: number
  readonly path: string
}

/** The value of a `Set-Cookie` field. Scripts never see the cookie, and no other site makes a browser send it. */
export function setCookie(options: CookieOptions, value: string, secure: boolean): string {
  const age = options.maxAge > 0 ? `; Max-Age=${options.maxAge}` : ''
  return `${options.name}=${value}${age}; Path=${options.path}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
}
