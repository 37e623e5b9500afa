import type { Random } from '../../../proxy/base/random.ts'
import { pattern } from '../peers/pattern.ts'

/** How a peer leaves a message unfinished. */
export type Ending =
  /** RST_STREAM; over HTTP/1 like `close`. */
  | 'reset'
  /** The connection is closed at once. */
  | 'close'
  /** FIN, and goes on reading. */
  | 'fin'
  /** TCP RST. */
  | 'rst'
  /** What no message contains. */
  | 'garbage'
  /** Nothing more comes, ever. */
  | 'silence'

export interface Cut {
  /** Body bytes that are sent before; -1: not even the head. */
  readonly at: number
  readonly how: Ending
}

/** One message as its sender means to send it. */
export interface MessagePlan {
  readonly size: number
  /** With content-length. */
  readonly declared: boolean
  readonly trailers: boolean
  /** Largest piece, in bytes. */
  readonly grain: number
  readonly cut: Cut | null
}

export interface RequestPlan extends MessagePlan {
  readonly method: string
  readonly grpc: boolean
  /** The first label of the authority: whether and how the route tries again. */
  readonly route: 'plain' | 'retry'
  readonly takesTrailers: boolean
  /** Gives up after so many bytes of the response; null never. */
  readonly giveUp: Cut | null
}

export interface ReplyPlan extends MessagePlan {
  readonly status: number
  readonly interims: number
  /** Bytes of the request that have to be there first; Infinity: all of it. */
  readonly after: number
  /** HTTP/1: `connection: close`; or the body ends with the connection. */
  readonly persistence: 'keep' | 'close' | 'delimit'
  /** It has no body whatever its fields say. */
  readonly bodiless: boolean
}

/** How likely peers are to do what makes others' work hard; most of it is wrong. */
export interface Weather {
  /** That a message is cut. */
  readonly cuts: number
  /** That a caller gives up. */
  readonly giveUps: number
  /** That a reply comes before its request is complete. */
  readonly early: number
  /** That an endpoint sends GOAWAY, per look at it. */
  readonly goaways: number
  /** That endpoints restart or close idle connections, per look at them. */
  readonly unrest: number
  /** That a stream is refused. */
  readonly refusals: number
}

export const CALM: Weather = { cuts: 0, giveUps: 0, early: 0, goaways: 0, unrest: 0, refusals: 0 }
/** Nothing that is wrong: every exchange must succeed. */
export const GUSTS: Weather = { ...CALM, early: 0.3, goaways: 0.005 }
export const STORM: Weather = {
  cuts: 0.12,
  giveUps: 0.08,
  early: 0.2,
  goaways: 0.002,
  unrest: 0.002,
  refusals: 0.02,
}
/** Most exchanges succeed, so that much is under way when something breaks. */
export const SHOWERS: Weather = {
  cuts: 0.02,
  giveUps: 0.02,
  early: 0.1,
  goaways: 0.001,
  unrest: 0.0005,
  refusals: 0.01,
}

/**
 * Numbers that a seed decides (Chris Doty-Humphrey's sfc32). The proxy's own generator will not do: its successive numbers
 * depend on each other so much that some sockets would never have their turn.
 */
export class StormRandom implements Random {
  readonly #state: Int32Array

  constructor(seed: number) {
    this.#state = Int32Array.of(seed, 0x9e3779b9, 0x243f6a88, 1)
    for (let i = 0; i < 15; i++) this.next()
  }

  next(): number {
    const state = this.#state
    const [a, b, c, counter] = state as unknown as [number, number, number, number]
    const sum = (a + b + counter) | 0
    state[3] = counter + 1
    state[0] = b ^ (b >>> 9)
    state[1] = c + (c << 3)
    state[2] = ((c << 21) | (c >>> 11)) + sum
    return (sum >>> 0) / 0x1_0000_0000
  }
}

export class Draw {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** A whole number from 0 to `below` - 1. */
  upTo(below: number): number {
    return Math.floor(this.#random.next() * below)
  }

  chance(share: number): boolean {
    return this.#random.next() < share
  }

  of<T>(...choices: readonly T[]): T {
    return choices[this.upTo(choices.length)] as T
  }

  size(): number {
    const kind = this.#random.next()
    if (kind < 0.3) return this.upTo(300)
    if (kind < 0.9) return this.upTo(20_000)
    return this.upTo(300_000)
  }

  /** `size` bytes at most are sent before; none, when it would be a whole message then. */
  #cut(size: number, share: number, how: readonly Ending[]): Cut | null {
    if (!this.chance(share)) return null
    return { at: size < 0 || this.chance(0.3) ? -1 : this.upTo(size + 1), how: this.of(...how) }
  }

  #grain(size: number): number {
    return Math.max(this.of(7, 500, 5000, 70_000), Math.ceil(size / 40))
  }

  request(weather: Weather): RequestPlan {
    const grpc = this.chance(0.2)
    const method = grpc ? 'POST' : this.of('GET', 'HEAD', 'POST', 'POST', 'PUT', 'DELETE')
    const bodied = grpc || method === 'POST' || method === 'PUT' || this.chance(0.1)
    const size = bodied && !this.chance(0.1) ? 1 + this.size() : 0
    const declared = !grpc && this.chance(0.5)
    return {
      method,
      grpc,
      size,
      declared,
      trailers: bodied && this.chance(0.15),
      grain: this.#grain(size),
      cut: this.#cut(declared || !bodied ? size - 1 : size, weather.cuts, REQUEST_CUTS),
      route: this.of('plain', 'retry'),
      takesTrailers: this.chance(0.6),
      giveUp: this.#cut(20_000, weather.giveUps, GIVING_UP),
    }
  }

  reply(weather: Weather, request: RequestPlan): ReplyPlan {
    const status = this.of(200, 200, 200, 200, 204, 304, 404, 500, 503)
    const bodiless = status === 204 || status === 304 || request.method === 'HEAD'
    const size = bodiless || this.chance(0.1) ? 0 : this.size()
    const persistence = this.chance(0.1) ? this.of<'close' | 'delimit'>('close', 'delimit') : 'keep'
    const delimited = persistence === 'delimit' && !bodiless
    const declared = !request.grpc && !delimited && this.chance(0.5)
    return {
      status,
      size,
      declared,
      bodiless,
      trailers: !bodiless && !delimited && (request.grpc || this.chance(0.15)),
      grain: this.#grain(size),
      cut: this.#cut(
        bodiless ? -1 : declared ? size - 1 : size,
        weather.cuts,
        delimited ? ['rst', 'silence'] : REPLY_CUTS,
      ),
      interims: this.chance(0.1) ? 1 + this.upTo(2) : 0,
      after: this.chance(weather.early) ? this.upTo(request.size + 1) : Number.POSITIVE_INFINITY,
      persistence,
    }
  }
}

const REQUEST_CUTS: readonly Ending[] = ['reset', 'reset', 'close', 'fin', 'rst', 'garbage']
const REPLY_CUTS: readonly Ending[] = [...REQUEST_CUTS, 'silence']
const GIVING_UP: readonly Ending[] = ['reset', 'reset', 'close', 'rst']

/** Body bytes `from` to `from + length` of the message with this number: no two messages have the same. */
export function bodyBytes(message: number, from: number, length: number): Buffer {
  return pattern(length, ((message * 7919) % 65_521) + from)
}
