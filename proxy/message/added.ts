import type { Fields } from './fields.ts'

/**
 * What is appended to an (interned) head and differs from request to request. Codecs write it as literals behind the
 * head's own fields. An instance is valid only until the call it is handed to returns: senders reuse one.
 */
export class Added {
  /** Sequence number of an `x-request-id` to write (see request-id.ts), 0 for none. */
  requestId: number
  /** Further fields, or null. */
  fields: Fields | null

  constructor() {
    this.requestId = 0
    this.fields = null
  }
}
