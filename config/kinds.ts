import { z } from 'zod'
import { listWords, show } from './problems.ts'
import { suggest } from './suggest.ts'
import * as values from './values.ts'

/** What zod tells an error function; `undefined` as input means that the key is missing. */
interface Failure {
  readonly code?: string | undefined
  readonly input?: unknown
}

type Hint = (input: unknown) => string | null

/**
 * The message of a value that does not fit: `missing, expected X` or `expected X, got Y`, with what was probably
 * meant when the hint knows.
 */
export function expects(what: string, hint: Hint = () => null): (failure: Failure) => string {
  return ({ input }) => {
    if (input === undefined) return `missing, expected ${what}`
    const meant = hint(input)
    return `expected ${what}, got ${show(input)}${meant === null ? '' : `, did you mean \`${meant}\`?`}`
  }
}

/** A mapping with these keys and no others. The message for unknown keys is the list of the known ones. */
export function mapping<S extends z.core.$ZodLooseShape>(shape: S, what = 'a mapping') {
  const known = Object.keys(shape).join(' ')
  const wrong = expects(what)
  return z.strictObject(shape, {
    error: (failure) => (failure.code === 'unrecognized_keys' ? known : wrong(failure)),
  })
}

/** A list of at least `least` items. */
export function list<T extends z.core.$ZodType>(item: T, what: string, least = 1) {
  const error = expects(what)
  const items = z.array(item, { error })
  return least > 0 ? items.min(least, { error }) : items
}

/** One of several forms; the message is used when the value has none of their types. */
export function choice<const T extends readonly z.core.$ZodType[]>(what: string, forms: T, hint?: Hint) {
  return z.union(forms, { error: expects(what, hint) })
}

/** One of a few words. */
export function word<const T extends readonly [string, ...string[]]>(...words: T) {
  const meant = meantWord(words)
  return z.enum(words, { error: expects(words.length > 1 ? `one of ${listWords(words)}` : words[0], meant) })
}

export function meantWord(words: readonly string[]): Hint {
  return (input) => (typeof input === 'string' ? suggest(input, words) : null)
}

export function flag() {
  return z.boolean({ error: expects('true or false', (input) => yesNo.get(input) ?? null) })
}

const yesNo = new Map<unknown, string>([
  ['yes', 'true'],
  ['on', 'true'],
  ['no', 'false'],
  ['off', 'false'],
])

/** A whole number, both ends included. */
export function wholeNumber(from: number, to: number) {
  const error = expects(`a whole number from ${from} to ${to}`)
  return z.int({ error }).min(from, { error }).max(to, { error }).meta({ title: 'whole number' })
}

/** Any number, both ends included. */
export function number(from: number, to: number) {
  const error = expects(`a number from ${from} to ${to}`)
  return z.number({ error }).min(from, { error }).max(to, { error }).meta({ title: 'number' })
}

/** Only `true`: leaving the key out is the other choice. */
export function onlyTrue() {
  return z.literal(true, { error: expects('true, or no such key') }).meta({ title: '`true`' })
}

/** Text in one of the written forms below: checked by a pattern or a function, then converted. */
function written<T>(
  what: string,
  title: string,
  parse: (text: string) => T | null,
  hint?: Hint,
  pattern?: RegExp,
) {
  // What is suggested has to be right.
  const usable: Hint = (input) => {
    const meant = hint?.(input) ?? null
    if (meant !== null && meant !== input && parse(meant) !== null) return meant
    return parse(String(input)) === null ? null : quoted(input)
  }
  const error = expects(what, usable)
  const text = z.string({ error }).meta({ title, ...(pattern && { pattern: pattern.source }) })
  return text.transform((input, context): T => {
    const value = parse(input)
    if (value !== null) return value
    context.issues.push({ code: 'custom', message: error({ input }), input })
    return z.NEVER
  })
}

/** Text that stays as it is when `fits`. */
export function text(what: string, title: string, fits: (text: string) => boolean, hint?: Hint) {
  return written(what, title, (input) => (fits(input) ? input : null), hint)
}

// YAML reads 1 and true as number and boolean; where text is wanted, quotes are what is missing.
export function quoted(input: unknown): string | null {
  return typeof input === 'number' || typeof input === 'boolean' ? `"${input}"` : null
}

/** Milliseconds from `500ms`, `2s`, `5m`, `1h` or `7d`; 0 only where `zero` allows it. */
export function duration(zero = false) {
  const what = `a duration${zero ? '' : ' above zero'} of at most 24d, such as 500ms, 2s or 5m`
  const parse = (input: string) => {
    const value = values.parseDuration(input)
    return value === 0 && !zero ? null : value
  }
  return written(what, 'duration', parse, durationMeant, values.durationPattern)
}

const unitNames: Readonly<Record<string, string>> = {
  second: 's',
  sec: 's',
  minute: 'm',
  min: 'm',
  hour: 'h',
  day: 'd',
}

export function durationMeant(input: unknown): string | null {
  if (typeof input === 'number') return input > 0 && Number.isFinite(input) ? `${input}s` : null
  const parts = typeof input === 'string' ? /^\s*([0-9.]+)\s*([a-z]*?)s?\s*$/i.exec(input) : null
  if (parts === null) return null
  const unit = parts[2]!.toLowerCase()
  const meant = `${parts[1]}${unit === 'm' && /ms$/i.test(input as string) ? 'ms' : (unitNames[unit] ?? (unit || 's'))}`
  return meant !== input && (values.parseDuration(meant) ?? 0) > 0 ? meant : null
}

/** Bytes from `512B`, `64KiB`, `1MiB`; the ends are in bytes and included. */
export function size(from: number, to: number, range: string) {
  const parse = (input: string) => {
    const bytes = values.parseSize(input)
    return bytes !== null && bytes >= from && bytes <= to ? bytes : null
  }
  return written(`a size ${range}, such as 64KiB`, 'size', parse, sizeMeant, values.sizePattern)
}

export function sizeMeant(input: unknown): string | null {
  if (typeof input === 'number') return Number.isInteger(input) && input >= 0 ? `${input}B` : null
  const parts = typeof input === 'string' ? /^([0-9]+)\s*([kmg])i?b?$/i.exec(input) : null
  const meant = parts === null ? null : `${parts[1]}${parts[2]!.toUpperCase()}iB`
  // What is written well is merely out of range.
  return meant === input ? null : meant
}

/** A fraction of 1 from `50%`; the ends are percentages and included. */
export function percent(from = 0, to = 100) {
  const parse = (text: string) => {
    const share = values.parsePercent(text, to / 100)
    return share !== null && share * 100 >= from ? share : null
  }
  const meant: Hint = (input) => percentMeant(input, to)
  return written(`a share from ${from}% to ${to}%`, 'percentage', parse, meant, values.percentPattern)
}

function percentMeant(input: unknown, most: number): string | null {
  if (typeof input !== 'number' || input < 0 || input > most) return null
  return `${input > 0 && input < 1 ? input * 100 : input}%`
}

/** An address to listen on; port 0 takes any free port. */
export function listenAddress() {
  return written(
    'an address such as 127.0.0.1:8080 or "[::1]:8080"',
    'address',
    values.parseAddress,
    addressMeant,
  )
}

/** An address to connect to. */
export function endpointAddress() {
  const parse = (input: string) => {
    const address = values.parseAddress(input)
    return address === null || address.port === 0 ? null : address
  }
  const what =
    'an address with a port from 1 to 65535, such as 10.0.0.1:8080, orders.internal:8080 or "[::1]:8080"'
  return written(what, 'address', parse, addressMeant)
}

export function addressMeant(input: unknown): string | null {
  if (typeof input === 'number') return `127.0.0.1:${input}`
  if (typeof input !== 'string') return null
  const bare = input.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '').replace(/\/.*$/, '')
  if (bare.startsWith(':')) return values.parseAddress(`0.0.0.0${bare}`) && `0.0.0.0${bare}`
  return bare !== input && values.parseAddress(bare) !== null ? bare : null
}

/** A SPIFFE ID or a pattern that ends in `*`. */
export function principal() {
  const what = 'a SPIFFE ID such as spiffe://mesh.local/ns/default/sa/web, or its beginning followed by *'
  return text(what, 'SPIFFE ID', (input) => values.principalTrustDomain(input) !== null)
}

/** Name of an upstream or a route: letters, digits, dots, dashes and underscores. */
export function name(what: string) {
  return text(
    `${what} of lower-case letters, digits, dots, dashes and underscores, at most 63`,
    'name',
    (input) => /^[a-z0-9][a-z0-9._-]{0,62}$/.test(input),
  )
}

/** Path of a file, as written; relative ones start at the configuration's folder. */
export function filePath(example: string) {
  return text(
    `the path of a file such as ${example}`,
    'path',
    (input) => input !== '' && !input.includes('\0'),
  )
}

export function method() {
  const hint: Hint = (input) =>
    typeof input === 'string' && /^[a-z]+$/i.test(input) ? input.toUpperCase() : null
  return text(
    'a method in capitals such as GET',
    'method',
    (input) => /^[A-Z][A-Z0-9-]{0,31}$/.test(input),
    hint,
  )
}

/** A value or `off`; YAML 1.1 editors like to write `false` for it, which means the same. */
export function orOff<T extends z.core.$ZodType>(what: string, form: T, hint?: Hint) {
  return choice(`${what}, or off`, [form, z.literal('off'), z.literal(false)], hint)
}

/** Text of this pattern, converted by `parse`. */
export function parsed<T>(what: string, title: string, parse: (text: string) => T | null, hint?: Hint) {
  return written(what, title, parse, hint)
}
