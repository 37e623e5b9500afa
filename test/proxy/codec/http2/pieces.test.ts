import t, { type Test } from 'tap'
import { CONTINUATION, HEADERS, PREFACE } from '../../../../proxy/codec/http2/constants.ts'
import { Fields } from '../../../../proxy/message/fields.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { mutateFrames } from '../../../fuzz/frame-mutations.ts'
import { feed, waysToCut } from '../../../support/cuts.ts'
import {
  data,
  type Frame,
  FrameCoder,
  GET,
  goaway,
  headers,
  OK,
  POST,
  ping,
  raw,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../../../support/frames.ts'
import { Chooser } from '../../../support/http1-generator.ts'
import { ClientBench, ServerBench } from '../../../support/http2-bench.ts'
import { Received } from '../../../support/recorded.ts'

/** What came of one stream. A stream that was reset may have got more of its body when that came in pieces. */
interface Story {
  readonly text: string
  readonly body: string
  readonly reset: boolean
}

function story(received: Received, request: Head | null): Story {
  const heads = [...(request === null ? [] : [request]), ...received.heads]
  const text = JSON.stringify([
    heads.map(({ method, authority, path, status, fields }) => [method, authority, path, status, fields]),
    received.fields,
    received.ended,
    received.resets.map((reason) => reason.toString()),
    received.cancels.length,
  ])
  return { text, body: received.body, reset: received.resets.length > 0 }
}

/** The frames that were sent. How bytes are shared out among WINDOW_UPDATEs follows from the pieces; the sum does not. */
function sent(frames: readonly Frame[]): string {
  return JSON.stringify(frames.filter(({ type }) => type !== 'WINDOW_UPDATE'))
}

interface Outcome {
  readonly stories: readonly Story[]
  readonly output: string
  readonly end: string
}

/** On a connection that ends the window is of no use to anybody. */
function endOf({ transport, connection }: ServerBench | ClientBench): string {
  return transport.closing
    ? 'closing'
    : `open, ${connection.active} streams, window ${connection.windowWithCredit}`
}

const HELLO = Buffer.from('hello')

function serve(bytes: Buffer, sizes: () => number): Outcome {
  const bench = new ServerBench({ streamWindow: 300, maxStreamWindow: 300 }, false)
  bench.onRequest = (accepted) => {
    const { stream } = accepted
    accepted.autoCredit = true
    const answer = (): void => {
      stream.head(Head.response(200, Fields.of({ 'x-a': 'b' })), null, false)
      stream.data(HELLO, 0, 5, false)
      stream.trailers(Fields.of({ 'grpc-status': '0' }))
    }
    if (accepted.ended || accepted.request.method === 'PUT') answer()
    const [data, trailers] = [accepted.data.bind(accepted), accepted.trailers.bind(accepted)]
    accepted.data = (chunk, from, to, end) => {
      data(chunk, from, to, end)
      if (end) answer()
    }
    accepted.trailers = (fields) => {
      trailers(fields)
      answer()
    }
  }
  bench.sendBytes(PREFACE)
  feed(bytes, sizes, (chunk) => bench.transport.received(chunk))
  const output = sent(bench.take())
  const end = endOf(bench)
  return { stories: bench.accepted.map((one) => story(one, one.request)), output, end }
}

function call(bytes: Buffer, sizes: () => number): Outcome {
  const bench = new ClientBench({ streamWindow: 300, maxStreamWindow: 300 }, false)
  const responses: Received[] = []
  bench.onCapacity = () => {
    // Three requests are made once the server's SETTINGS allow it, one after another.
    if (responses.length === 3 || bench.connection.capacity === 0) return
    const response = new Received()
    response.autoCredit = true
    responses.push(response)
    const stream = bench.connection.open(response, response)
    response.stream = stream
    const post = responses.length === 2
    stream.head(Head.request(post ? 'POST' : 'GET', 'http', 'a.test', '/'), null, !post)
    if (post) stream.data(HELLO, 0, 5, true)
    bench.onCapacity()
  }
  bench.transport.flush()
  bench.socket.written = []
  feed(bytes, sizes, (chunk) => bench.transport.received(chunk))
  const output = sent(bench.take())
  const end = `${endOf(bench)} ${bench.connection.capacity} ${bench.events.includes('retired')}`
  return { stories: responses.map((one) => story(one, null)), output, end }
}

function difference(one: Outcome, other: Outcome): string {
  if (one.output !== other.output) return `sent ${other.output}, not ${one.output}`
  if (one.stories.length !== other.stories.length)
    return `${other.stories.length} streams, not ${one.stories.length}`
  for (const [i, story] of one.stories.entries()) {
    const { text, body, reset } = other.stories[i] as Story
    if (text !== story.text) return `stream ${i}: ${text}, not ${story.text}`
    const same = reset ? body.startsWith(story.body) || story.body.startsWith(body) : body === story.body
    if (!same) return `stream ${i}: body ${body}, not ${story.body}`
  }
  return one.end === other.end ? '' : `in the end ${other.end}, not ${one.end}`
}

const coder = new FrameCoder()
const POST_5 = { ...Object.fromEntries(POST), 'content-length': '5' }

const REQUESTS: readonly Frame[] = [
  settings({ 4: 20_000 }),
  settingsAck(),
  headers(1, GET, true),
  headers(3, POST_5),
  data(3, 'hel'),
  data(3, 'lo', true),
  raw(HEADERS, 0, 5, coder.block(POST)),
  raw(CONTINUATION, 4, 5, coder.block({ 'x-b': 'c' })),
  data(5, 'padded', false, 9),
  ping(),
  data(5, 'y'.repeat(200)),
  headers(5, { 'x-sum': '1' }, true),
  raw(0xbb, 0xff, 0, 'unknown'),
  headers(7, { ...Object.fromEntries(POST), ':method': 'PUT' }),
  windowUpdate(0, 1000),
  rstStream(7, 'CANCEL'),
  headers(9, GET, true),
]

const RESPONSES: readonly Frame[] = [
  settings({ 3: 10 }),
  settingsAck(),
  headers(1, { ':status': '103', link: 'a' }),
  headers(1, { ':status': '200', 'content-length': '5' }),
  data(1, 'hel'),
  headers(3, OK),
  data(1, 'lo', true),
  data(3, 'padded', false, 9),
  ping(),
  windowUpdate(0, 1000),
  data(3, 'y'.repeat(200)),
  headers(3, { 'grpc-status': '0' }, true),
  rstStream(5, 'REFUSED_STREAM'),
  goaway(5, 'NO_ERROR'),
]

function compare(
  t: Test,
  frames: readonly Frame[],
  run: (bytes: Buffer, sizes: () => number) => Outcome,
  complete: (outcome: Outcome) => boolean,
): void {
  const writer = new FrameCoder()
  const valid = Buffer.concat(frames.map((frame) => writer.write(frame)))
  const found: string[] = []
  let good = 0
  for (let seed = 0; seed < 800; seed++) {
    const chooser = new Chooser(seed + 1)
    let bytes: Buffer = valid
    for (let n = chooser.below(6); n > 0 && seed > 0; n--)
      bytes = mutateFrames(bytes, 0, (count) => chooser.below(count))
    let whole: Outcome | null = null
    for (const [name, sizes] of waysToCut(bytes.length, chooser)) {
      const outcome = run(bytes, sizes)
      if (whole === null) {
        whole = outcome
        if (complete(outcome)) good += 1
        continue
      }
      const differs = difference(whole, outcome)
      if (differs !== '') found.push(`${name}: ${differs}: ${bytes.toString('hex')} (seed ${seed})`)
    }
  }
  t.strictSame(found.slice(0, 3), [], `${found.length} differences`)
  t.ok(good > 150, `${good} of them go well from beginning to end`)
}

t.test('server: the pieces in which bytes arrive change nothing', async (t) => {
  compare(t, REQUESTS, serve, ({ stories, end }) => stories.length >= 4 && end.startsWith('open'))
})

t.test('client: the pieces in which bytes arrive change nothing', async (t) => {
  compare(t, RESPONSES, call, ({ stories }) => stories.length === 3 && stories[0]?.body === 'hello')
})
