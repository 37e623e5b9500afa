import { type Choice, NONE_TRIED } from '../../../proxy/balance/choice.ts'
import type { Endpoint, EndpointOptions } from '../../../proxy/balance/endpoint.ts'

/** Options of an endpoint on a loopback address that differs by `number`. */
export function endpoint(number: number, weight = 1, priority = 0): EndpointOptions {
  const host = `127.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
  return { address: { host, port: 80, text: `${host}:80` }, weight, zone: null, priority }
}

/** `count` endpoints of weight 1. */
export function endpoints(count: number): EndpointOptions[] {
  return Array.from({ length: count }, (_, i) => endpoint(i))
}

/** One endpoint for each weight. */
export function weighted(...weights: number[]): EndpointOptions[] {
  return weights.map((weight, i) => endpoint(i, weight))
}

/** The first attempt of a request without a key. */
export const FIRST: Choice = { tried: NONE_TRIED, hash: -1 }

/** A further attempt, after those at `tried`. */
export function after(...tried: Endpoint[]): Choice {
  return { tried, hash: -1 }
}
