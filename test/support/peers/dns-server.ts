import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { type Answer, decode, encode, type Packet } from 'dns-packet'

const TRUNCATED = 0x0200
const RESPONSE_FLAGS = 0x0180

export interface DnsQuery {
  readonly id: number
  readonly name: string
  readonly type: string
  readonly edns: boolean
  readonly over: 'udp' | 'tcp'
  /** Port that it came from. */
  readonly from: number
}

export interface DnsReply {
  readonly code?: number
  readonly answers?: readonly Answer[]
  readonly authorities?: readonly Answer[]
  readonly additionals?: readonly Answer[]
}

/** What the server says to a query: a reply, nothing, or whatever bytes. */
export type DnsBehaviour = (query: DnsQuery) => DnsReply | readonly Buffer[] | null

/** A name server on loopback that speaks UDP and TCP, cuts what is too long for UDP, and says what a test wants. */
export class DnsServer {
  readonly queries: DnsQuery[] = []
  /** Asked first; undefined leaves it to the records. */
  behaviour: (query: DnsQuery) => ReturnType<DnsBehaviour> | undefined = () => undefined
  port = 0
  readonly #records = new Map<string, Answer[]>()
  readonly #udp: UdpSocket = createSocket('udp4')
  readonly #tcp: Server = createServer()

  async listen(port = 0): Promise<number> {
    await new Promise<void>((resolve) => this.#tcp.listen(port, '127.0.0.1', resolve))
    this.port = (this.#tcp.address() as { port: number }).port
    await new Promise<void>((resolve, reject) => {
      this.#udp.once('error', reject)
      this.#udp.bind(this.port, '127.0.0.1', resolve)
    })
    this.#udp.on('message', (bytes, from) => this.#overUdp(bytes, from))
    this.#tcp.on('connection', (socket) => {
      let received = Buffer.alloc(0)
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk])
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
        const { query, packet } = this.#read(received.subarray(2), 'tcp', socket.remotePort ?? 0)
        for (const reply of this.#answer(query, packet, 65_535)) {
          const length = Buffer.alloc(2)
          length.writeUInt16BE(reply.length)
          // In two pieces, as networks like to.
          socket.write(length)
          socket.write(reply.subarray(0, 5))
          setImmediate(() => socket.end(reply.subarray(5)))
        }
      })
    })
    return this.port
  }

  close(): void {
    this.#udp.close()
    this.#tcp.close()
  }

  /** Replaces the records of a name and type; none: the name is there, the record is not. */
  set(name: string, type: 'A' | 'AAAA' | 'SRV' | 'CNAME', ttl: number, ...data: unknown[]): void {
    this.#records.set(
      `${name} ${type}`,
      data.map((each) => ({ name, type, ttl, data: each }) as Answer),
    )
  }

  /** The name is there no more. */
  drop(name: string): void {
    for (const key of this.#records.keys()) if (key.startsWith(`${name} `)) this.#records.delete(key)
  }

  /** Queries of this type so far. */
  asked(type: string): DnsQuery[] {
    return this.queries.filter((query) => query.type === type)
  }

  #overUdp(bytes: Buffer, from: RemoteInfo): void {
    const { query, packet, size } = this.#read(bytes, 'udp', from.port)
    for (const reply of this.#answer(query, packet, size)) this.#udp.send(reply, from.port, from.address)
  }

  #read(bytes: Buffer, over: 'udp' | 'tcp', from: number): { query: DnsQuery; packet: Packet; size: number } {
    const packet = decode(bytes)
    const opt = packet.additionals?.find(({ type }) => type === 'OPT') as
      | { udpPayloadSize: number }
      | undefined
    const [{ name, type } = { name: '', type: 'A' }] = packet.questions ?? []
    const query = { id: packet.id ?? 0, name, type, edns: opt !== undefined, over, from } as const
    this.queries.push(query)
    return { query, packet, size: opt?.udpPayloadSize ?? 512 }
  }

  #answer(query: DnsQuery, packet: Packet, size: number): Buffer[] {
    const special = this.behaviour(query)
    if (special === null) return []
    if (Array.isArray(special)) return special as Buffer[]
    const reply = (special as DnsReply | undefined) ?? this.#lookUp(query)
    const whole = encodeReply(packet, reply)
    if (whole.length <= size) return [whole]
    return [encodeReply(packet, { code: reply.code ?? 0 }, TRUNCATED)]
  }

  #lookUp({ name, type }: DnsQuery): DnsReply {
    const wanted = name.toLowerCase()
    const answers: Answer[] = []
    let at = wanted
    for (let hops = 0; hops < 20; hops++) {
      const records = this.#records.get(`${at} ${type}`)
      if (records !== undefined && records.length > 0) return { answers: [...answers, ...records] }
      const [alias] = this.#records.get(`${at} CNAME`) ?? []
      if (alias === undefined) break
      answers.push(alias)
      at = (alias as { data: string }).data
    }
    const known = [...this.#records.keys()].some((key) => key.startsWith(`${at} `))
    return { code: known ? 0 : 3, answers, authorities: [soa(30)] }
  }
}

/** Says how long nothing may be remembered, in seconds. */
export function soa(minimum: number): Answer {
  return {
    type: 'SOA',
    name: 'test',
    ttl: minimum,
    data: { mname: 'ns.test', rname: 'x.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
  }
}

export function encodeReply(packet: Packet, reply: DnsReply, flags = 0): Buffer {
  return encode({
    type: 'response',
    id: packet.id ?? 0,
    flags: RESPONSE_FLAGS | flags | (reply.code ?? 0),
    questions: packet.questions ?? [],
    answers: [...(reply.answers ?? [])],
    authorities: [...(reply.authorities ?? [])],
    additionals: [...(reply.additionals ?? [])],
  })
}
