import { isIP } from 'node:net'
import { type Answer, encode } from 'dns-packet'
import { readReply } from '../../../proxy/discovery/dns/answer.ts'
import { decodeReply, type Question } from '../../../proxy/discovery/dns/message.ts'
import { gist, type Note, promise, type Target } from '../target.ts'

const ID = 0x4242
const QUESTIONS: readonly Question[] = [
  { name: 'a.test', type: 'A' },
  { name: 'a.test', type: 'AAAA' },
  { name: '_x._tcp.test', type: 'SRV' },
]

function reply(which: number, answers: Answer[], flags = 0x0180, authorities: Answer[] = []): Buffer {
  const { name, type } = QUESTIONS[which] as Question
  const questions = [{ name, type, class: 'IN' as const }]
  const message = encode({ type: 'response', id: ID, flags, questions, answers, authorities })
  return Buffer.concat([Buffer.of(which), message])
}

/** The first byte picks the question; the rest is what a server sends. */
export const dnsReplies: Target = {
  name: 'dns-replies',
  about: 'answers of name servers',
  maxBytes: 600,
  seeds: () => [
    reply(0, [{ name: 'a.test', type: 'A', ttl: 5, data: '10.0.0.1' }]),
    reply(0, [
      { name: 'a.test', type: 'CNAME', ttl: 5, data: 'b.test' },
      { name: 'b.test', type: 'A', ttl: 3, data: '10.0.0.2' },
    ]),
    reply(0, [
      { name: 'a.test', type: 'CNAME', ttl: 5, data: 'b.test' },
      { name: 'b.test', type: 'CNAME', ttl: 5, data: 'a.test' },
    ]),
    reply(1, [{ name: 'A.Test', type: 'AAAA', ttl: 5, data: '2001:db8::1' }]),
    reply(2, [
      {
        name: '_x._tcp.test',
        type: 'SRV',
        ttl: 5,
        data: { target: 'h.test', port: 80, priority: 1, weight: 2 },
      },
    ]),
    reply(0, [], 0x0183, [
      {
        name: 'test',
        type: 'SOA',
        ttl: 9,
        data: { mname: 'n', rname: 'r', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 7 },
      },
    ]),
    reply(0, [], 0x0180, [{ name: 'test', type: 'NS', ttl: 9, data: 'ns.test' }]),
    reply(0, [], 0x0382),
  ],
  dictionary: [
    Buffer.of(0xc0, 0x0c),
    Buffer.of(0xc0, 0x00),
    Buffer.of(0xc0),
    Buffer.of(0, 41),
    Buffer.of(0, 16),
    Buffer.of(0xff, 0xff),
    Buffer.from('\x01a\x04test\x00', 'latin1'),
  ],
  mutate: null,
  run: read,
}

function read(input: Buffer, note: Note): void {
  const question = QUESTIONS[(input[0] ?? 0) % QUESTIONS.length] as Question
  const decoded = decodeReply(input.subarray(1), question, ID)
  if (decoded === null) return note('ignored')
  const result = readReply(decoded, question)
  const { code, truncated, authoritative, answers, authorities, additionals } = decoded
  const types = [...answers, ...authorities, ...additionals].map(({ type }) => type)
  note(`${result.kind} ${code} ${truncated} ${authoritative} ${gist(types.slice(0, 4).join())}`)
  if (result.kind === 'failed') return
  promise(result.ttl >= 0 && result.ttl < 2 ** 32, `a time to live of ${result.ttl}`)
  if (result.kind === 'alias') promise(result.name !== question.name, 'an alias of itself')
  if (result.kind !== 'records') return
  promise(result.records.length > 0, 'records without one')
  for (const { address, target, port, weight, priority } of result.records) {
    const wanted = question.type === 'A' ? 4 : question.type === 'AAAA' ? 6 : 0
    promise(isIP(address) === wanted, `an address ${gist(address)}`)
    promise((target === '') === (wanted !== 0), `a target ${gist(target)}`)
    for (const number of [port, weight, priority])
      promise(number >= 0 && number <= 65_535, `a number ${number}`)
  }
}
