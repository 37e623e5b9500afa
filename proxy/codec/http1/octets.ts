/** Tables over single octets; each has 256 entries. */

/** The lower-case form of each tchar (RFC 9110 §5.6.2), 0 for every other octet. */
export const TOKEN_LOWER = new Uint8Array(256)
/** 1 for what may stand in a field value: HTAB, SP, VCHAR, obs-text (RFC 9110 §5.5). */
export const VALUE_OCTET = new Uint8Array(256)
/** 1 for what may stand in a request target: printable ASCII without "#", which is never sent (RFC 9112 §3.2). */
export const TARGET_OCTET = new Uint8Array(256)
/** The value of each HEXDIG, -1 for every other octet. */
export const HEX_VALUE = new Int8Array(256).fill(-1)

export const HTAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SP = 0x20
export const COLON = 0x3a

for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
  TOKEN_LOWER[char.charCodeAt(0)] = char.charCodeAt(0)
  TOKEN_LOWER[char.toUpperCase().charCodeAt(0)] = char.charCodeAt(0)
}
for (let octet = 0x20; octet < 0x100; octet++) if (octet !== 0x7f) VALUE_OCTET[octet] = 1
VALUE_OCTET[HTAB] = 1
for (let octet = 0x21; octet < 0x7f; octet++) if (octet !== 0x23) TARGET_OCTET[octet] = 1
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16)
  HEX_VALUE[digit.charCodeAt(0)] = value
  HEX_VALUE[digit.toUpperCase().charCodeAt(0)] = value
}

/** Copies octets `from` to `to` of `source` to `at` of `target`; returns the position behind them. */
export function copyOctets(source: Buffer, from: number, to: number, target: Buffer, at: number): number {
  const count = to - from
  // A native call on a part of a buffer makes a view first, which costs more than a short loop.
  if (count > COPY_LOOP_LIMIT) source.copy(target, at, from, to)
  else for (let i = 0; i < count; i++) target[at + i] = source[from + i] as number
  return at + count
}

/** For an end without octets. */
export const NO_OCTETS = Buffer.alloc(0)

const COPY_LOOP_LIMIT = 64
