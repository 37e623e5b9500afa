import { parseSpiffeId, type SpiffeId, SpiffeIdError } from './spiffe-id.ts'

/**
 * A principal as policies name it:
 *
 * - `spiffe://mesh.local/ns/default/sa/web`: exactly this ID;
 * - `spiffe://mesh.local/ns/default/*`: every ID below that path, at any depth. The star stands for one or more whole
 *   segments, so that neither `/ns/default` nor `/ns/default-other/sa/web` matches;
 * - `*`: every valid ID, of any trust domain that the trust bundle lets in.
 */
export class PrincipalPattern {
  readonly text: string
  readonly #prefix: string | null

  /** @throws {SpiffeIdError} when the text is none of the three forms. */
  constructor(text: string) {
    this.text = text
    if (text === '*') {
      this.#prefix = ''
    } else if (text.endsWith('/*')) {
      parseSpiffeId(text.slice(0, -2))
      this.#prefix = text.slice(0, -1)
    } else if (text.includes('*')) {
      throw new SpiffeIdError(`${JSON.stringify(text)}: "*" may only stand at the end, after a "/"`)
    } else {
      parseSpiffeId(text)
      this.#prefix = null
    }
  }

  matches(id: SpiffeId): boolean {
    const text = id.toString()
    return this.#prefix === null ? text === this.text : text.startsWith(this.#prefix)
  }
}

/**
 * Whether an ID is one that the pattern names; see {@link PrincipalPattern}, which is the thing to keep where one
 * pattern is used often.
 * @throws {SpiffeIdError} when the pattern is malformed: in a deny rule, "never matches" would let everybody in.
 */
export function matchesPrincipal(pattern: string | PrincipalPattern, id: SpiffeId): boolean {
  return (typeof pattern === 'string' ? new PrincipalPattern(pattern) : pattern).matches(id)
}
