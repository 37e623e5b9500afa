import type { AddressFamily } from '../../../config/types/discovery.ts'
import { AddressLookup, type Nothing } from './address-lookup.ts'
import { type DnsRecord, type FinalResult, recordsOf } from './answer.ts'
import type { Wanted } from './message.ts'

/** An address of a service. */
export interface ServiceAddress {
  readonly address: string
  readonly port: number
  /** 0 to 65535, lower ones first. */
  readonly priority: number
  /** 1 to 65535. */
  readonly weight: number
}

export type ServiceResult =
  | { readonly kind: 'found'; readonly addresses: readonly ServiceAddress[]; readonly ttl: number }
  | Nothing

type Ask = (name: string, type: Wanted) => Promise<FinalResult>

/** Hosts whose addresses are looked up at a time. */
const ABREAST = 16
const MAX_WEIGHT = 65_535
/** Weights up to this one are multiplied, so that they can be divided among the addresses of a host. */
const SCALE = 100

/** Finds the addresses behind the SRV records of one complete name (RFC 2782). */
export class ServiceLookup {
  readonly #family: AddressFamily
  readonly #hosts = new Map<string, AddressLookup>()
  #known = new Map<string, readonly string[]>()

  constructor(family: AddressFamily) {
    this.#family = family
  }

  async lookUp(name: string, ask: Ask): Promise<ServiceResult> {
    const service = await ask(name, 'SRV')
    if (service.kind !== 'records') return service
    const records = service.records.filter(({ target, port }) => target !== '' && target !== '.' && port > 0)
    // One record with no host says that there is no such service here.
    if (records.length === 0) return { kind: 'empty', why: 'the service is not offered', ttl: service.ttl }
    const hosts = new Set(records.map(({ target }) => target.toLowerCase()))
    for (const host of this.#hosts.keys()) if (!hosts.has(host)) this.#hosts.delete(host)
    const known = new Map<string, readonly string[]>()
    let ttl = service.ttl
    let nothing: Nothing | null = null
    const left = [...hosts]
    const work = async (): Promise<void> => {
      for (let host = left.pop(); host !== undefined; host = left.pop()) {
        const result = await this.#lookUpHost(host, service.reply.additionals, ask)
        const last = this.#known.get(host)
        if (result.kind === 'found') known.set(host, result.addresses)
        else if (result.kind === 'failed' && last !== undefined) known.set(host, last)
        else if (nothing === null || result.kind === 'failed') nothing = result
        if (result.kind !== 'failed') ttl = Math.min(ttl, result.ttl)
      }
    }
    await Promise.all(Array.from({ length: Math.min(ABREAST, left.length) }, work))
    if (known.size === 0) return nothing as unknown as Nothing
    this.#known = known
    return { kind: 'found', addresses: spread(records, known), ttl }
  }

  #lookUpHost(host: string, additionals: Parameters<typeof recordsOf>[0], ask: Ask) {
    let lookup = this.#hosts.get(host)
    if (lookup === undefined) {
      lookup = new AddressLookup(this.#family)
      this.#hosts.set(host, lookup)
    }
    return lookup.lookUp(async (type): Promise<FinalResult> => {
      // Servers that know the addresses send them along.
      const { records, ttl } = recordsOf(additionals, host, type)
      if (records.length === 0) return ask(host, type)
      return { kind: 'records', records, ttl, reply: NO_REPLY }
    })
  }
}

const NO_REPLY = {
  code: 0,
  truncated: false,
  authoritative: false,
  answers: [],
  authorities: [],
  additionals: [],
}

/** Shares out the weight of each host among its addresses; an address given more than once has the sum. */
function spread(
  records: readonly DnsRecord[],
  known: ReadonlyMap<string, readonly string[]>,
): ServiceAddress[] {
  const several = [...known.values()].some((addresses) => addresses.length > 1)
  const largest = Math.max(...records.map(({ weight }) => weight))
  const scale = several && largest * SCALE <= MAX_WEIGHT ? SCALE : 1
  const found = new Map<string, ServiceAddress>()
  for (const record of records) {
    const addresses = known.get(record.target.toLowerCase()) ?? []
    for (const address of addresses) {
      // 0 is a weight too: little, but not nothing.
      const share = Math.max(1, Math.round((record.weight * scale) / addresses.length))
      const key = `${address} ${record.port}`
      const other = found.get(key)
      if (other !== undefined && other.priority < record.priority) continue
      const weight = Math.min(MAX_WEIGHT, share + (other?.priority === record.priority ? other.weight : 0))
      found.set(key, { address, port: record.port, priority: record.priority, weight })
    }
  }
  return [...found.values()]
}
