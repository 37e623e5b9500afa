import t from 'tap'
import { ERROR_NAMES } from '../../../proxy/codec/http2/constants.ts'
import { Head } from '../../../proxy/message/head.ts'
import {
  data,
  END_STREAM,
  GET,
  goaway,
  headers,
  OK,
  POST as POST_FIELDS,
  ping,
  pingAck,
  raw,
  rstStream,
  windowUpdate,
} from '../../support/frames.ts'
import { ClientBench, ServerBench } from '../../support/http2-bench.ts'
import type { Received } from '../../support/recorded.ts'

const POST = Head.request('POST', 'http', 'a.test', '/')
const LARGEST = 2 ** 31 - 1

/** A client with streams 1, 3, 5 and 7 open, and what came of each. */
function withFour(): { bench: ClientBench; responses: Received[] } {
  const bench = new ClientBench()
  const responses = [1, 3, 5, 7].map(() => bench.request(POST, false).response)
  bench.take()
  return { bench, responses }
}

/** For each stream whether it may be sent again: "safe", "unsafe" when it may have been processed, "open". */
function fates(responses: readonly Received[]): string[] {
  return responses.map(({ resets, ended }) => {
    if (ended) return 'answered'
    const [reason] = resets
    return reason === undefined ? 'open' : reason.unprocessed ? 'safe' : 'unsafe'
  })
}

t.test(
  'RFC 9113 §6.8: streams above the last one were not processed, those at it and below go on',
  async (t) => {
    for (const [last, expected] of [
      [0, ['safe', 'safe', 'safe', 'safe']],
      [1, ['open', 'safe', 'safe', 'safe']],
      [3, ['open', 'open', 'safe', 'safe']],
      [4, ['open', 'open', 'safe', 'safe']],
      [5, ['open', 'open', 'open', 'safe']],
      [7, ['open', 'open', 'open', 'open']],
      [9, ['open', 'open', 'open', 'open']],
      [LARGEST, ['open', 'open', 'open', 'open']],
    ] as const) {
      const { bench, responses } = withFour()
      bench.send(goaway(last, 'NO_ERROR', 'bye'))
      t.strictSame(fates(responses), expected, `last stream ${last}`)
      t.equal(bench.connection.capacity, 0, 'no new streams')
      for (const { resets } of responses)
        if (resets.length > 0) t.match(resets, [{ code: 'goaway', detail: /NO_ERROR, bye/ }])
      const open = expected.map((fate, i) => (fate === 'open' ? i * 2 + 1 : 0)).filter((id) => id > 0)
      for (const id of open) bench.send(headers(id, OK), data(id, 'x', END_STREAM), rstStream(id, 'NO_ERROR'))
      t.strictSame(
        fates(responses),
        expected.map((fate) => (fate === 'open' ? 'answered' : fate)),
      )
      t.equal(bench.transport.closing, true, 'and with the last of them it closes')
    }
  },
)

t.test('RFC 9113 §6.8: whatever its code, GOAWAY tells what was processed', async (t) => {
  for (const code of [...ERROR_NAMES, '4660']) {
    const { bench, responses } = withFour()
    bench.send(goaway(3, code))
    t.strictSame(fates(responses), ['open', 'open', 'safe', 'safe'], code)
    t.match(responses[3]?.resets[0]?.detail, code)
    t.equal(bench.transport.closing, false)
  }
})

t.test('RFC 9113 §6.8: GOAWAY in two steps loses nothing', async (t) => {
  const { bench, responses } = withFour()
  bench.send(goaway(LARGEST, 'NO_ERROR'), ping('drained?'))
  bench.expect(pingAck('drained?'))
  t.equal(bench.connection.capacity, 0)
  t.strictSame(fates(responses), ['open', 'open', 'open', 'open'])
  bench.send(goaway(5, 'NO_ERROR'))
  t.strictSame(fates(responses), ['open', 'open', 'open', 'safe'])
  bench.send(goaway(5, 'NO_ERROR'), goaway(3, 'INTERNAL_ERROR'))
  t.strictSame(fates(responses), ['open', 'open', 'safe', 'safe'], 'it may be lowered further')
  t.equal(bench.events.filter((event) => event === 'retired').length, 1)
})

t.test('RFC 9113 §6.8: a connection that is lost after GOAWAY', async (t) => {
  const { bench, responses } = withFour()
  bench.send(headers(1, OK), data(1, 'x', END_STREAM), goaway(5, 'NO_ERROR'))
  bench.hangUp(new Error('ECONNRESET'))
  t.strictSame(fates(responses), ['answered', 'unsafe', 'unsafe', 'safe'])
  t.match(responses[1]?.resets, [{ code: 'upstream-closed' }])
  const first = withFour()
  first.bench.send(goaway(LARGEST, 'NO_ERROR'))
  first.bench.hangUp()
  t.strictSame(
    fates(first.responses),
    ['unsafe', 'unsafe', 'unsafe', 'unsafe'],
    'between the steps nobody knows',
  )
})

t.test('RFC 9113 §6.8: a connection that is lost without GOAWAY', async (t) => {
  const { bench, responses } = withFour()
  bench.socket.emit('end')
  t.strictSame(fates(responses), ['unsafe', 'unsafe', 'unsafe', 'unsafe'])
})

t.test('RFC 9113 §6.8: what still comes on streams that GOAWAY gave up is ignored', async (t) => {
  const { bench, responses } = withFour()
  bench.send(goaway(3, 'NO_ERROR'))
  bench.send(
    headers(5, OK),
    data(5, 'late', END_STREAM),
    windowUpdate(7, 1),
    rstStream(7, 'CANCEL'),
    data(7, ''),
  )
  bench.expect()
  t.strictSame(fates(responses), ['open', 'open', 'safe', 'safe'])
  t.equal(bench.connection.windowWithCredit, bench.connection.windowSize)
})

t.test('RFC 9113 §8.7: what was never processed by its reset', async (t) => {
  for (const code of ERROR_NAMES) {
    const { bench, responses } = withFour()
    bench.send(rstStream(1, code))
    t.equal(fates(responses)[0], code === 'REFUSED_STREAM' ? 'safe' : 'unsafe', code)
  }
})

t.test(
  'RFC 9113 §8.7: a server that refuses all it has not begun, by RST_STREAM before its GOAWAY',
  async (t) => {
    const { bench, responses } = withFour()
    bench.send(rstStream(7, 'REFUSED_STREAM'), goaway(5, 'NO_ERROR'), rstStream(5, 'REFUSED_STREAM'))
    t.strictSame(fates(responses), ['open', 'open', 'safe', 'safe'])
  },
)

t.test(
  'RFC 9113 §6.8, §4.3: header blocks of streams that our own GOAWAY left out are decoded, not served',
  async (t) => {
    const bench = new ServerBench()
    bench.send(headers(1, POST_FIELDS))
    bench.connection.drain()
    bench.send(pingAck('\0'.repeat(8)))
    bench.take()
    const inserted = bench.coder.encoder.encode(
      [...GET, ['x-a', 'b'] as const].map(([name, value]) => ({ name, value })),
      ({ name }) => (name === 'x-a' ? 'incremental' : 'without'),
    )
    bench.send(raw(1, 5, 3, inserted))
    bench.expect()
    const trailers = bench.coder.encoder.encode([{ name: 'x-a', value: 'b' }], () => 'indexed')
    bench.send(raw(1, 5, 1, trailers))
    t.equal(bench.accepted[0]?.fields?.get('x-a'), 'b', 'what they added to the table can be referred to')
    t.equal(bench.accepted.length, 1)
    bench.send(raw(1, 5, 5, '\xff\xff'))
    bench.expect(goaway(1, 'COMPRESSION_ERROR'))
  },
)
