/**
 * Field lines of a message (RFC 9110 §5), in the order they arrived. Names are lower case, values carry no
 * surrounding white space and are latin1 strings (one char per byte). A list is immutable once it has been
 * handed to a sink: codecs intern it and keep it across requests.
 */
export class Fields {
  readonly names: string[]
  readonly values: string[]
  /** Names that came marked "never indexed" and must be sent on as such (RFC 7541 §6.2.3); null when there are none. */
  readonly sensitive: string[] | null

  constructor(names: string[], values: string[], sensitive: string[] | null = null) {
    this.names = names
    this.values = values
    this.sensitive = sensitive
  }

  get length(): number {
    return this.names.length
  }

  /** The first value of `name` (lower case), or null. */
  get(name: string): string | null {
    const at = this.names.indexOf(name)
    return at < 0 ? null : (this.values[at] as string)
  }

  has(name: string): boolean {
    return this.names.includes(name)
  }

  /** All values of `name` joined with ", " (RFC 9110 §5.3), or null when there is none. */
  joined(name: string): string | null {
    let out: string | null = null
    for (let i = 0; i < this.names.length; i++) {
      if (this.names[i] === name)
        out = out === null ? (this.values[i] as string) : `${out}, ${this.values[i]}`
    }
    return out
  }

  static of(fields: Record<string, string>): Fields {
    return new Fields(Object.keys(fields), Object.values(fields))
  }
}

/** The empty list; shared, never to be written to. */
export const NO_FIELDS = new Fields([], [])
