import type { HashKeyConfig } from '../../config/types/upstream.ts'
import { murmur3 } from '../base/murmur3.ts'
import { type CookieOptions, cookieValue } from '../message/cookie.ts'
import { type Head, pathOf } from '../message/head.ts'

/** What the consistent policies go by: the first of some keys that a request has. */
export class HashKeys {
  /** Set when a request comes without it; null: none is. */
  readonly cookie: CookieOptions | null
  readonly #keys: readonly HashKeyConfig[]

  constructor(keys: readonly HashKeyConfig[]) {
    const made = keys.findIndex((key) => key.kind === 'cookie' && key.generated)
    const key = keys[made]
    this.cookie = key?.kind === 'cookie' ? key.cookie : null
    // A cookie that is made when it is missing is never missing: nothing behind it is asked for.
    this.#keys = made < 0 ? keys : keys.slice(0, made + 1)
  }

  /** A 32-bit unsigned number; -1 when the request has none of the keys. `source` is the caller's address. */
  hash(request: Head, source: string): number {
    for (const key of this.#keys) {
      const value = keyOf(key, request, source)
      if (value !== null && value !== '') return murmur3(value)
    }
    return -1
  }
}

function keyOf(key: HashKeyConfig, request: Head, source: string): string | null {
  switch (key.kind) {
    case 'header':
      return request.fields.joined(key.name)
    case 'cookie':
      return cookieValue(request.fields, key.cookie.name)
    case 'path':
      return pathOf(request.path)
    case 'source':
      return source
  }
}
