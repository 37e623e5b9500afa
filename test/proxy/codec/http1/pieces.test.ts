import t from 'tap'
import { SeededRandom } from '../../../../proxy/base/random.ts'
import { Head } from '../../../../proxy/message/head.ts'
import { feed, waysToCut } from '../../../support/cuts.ts'
import { Chooser, generateRequest, generateResponse, mutateText } from '../../../support/http1-generator.ts'
import { type Accepted, ClientBench, type Recorder, ServerBench } from '../../../support/http1-peer.ts'
import { VirtualTurn } from '../../../support/virtual-turn.ts'

const FRAGMENTS = [
  'GET / HTTP/1.1\r\n',
  'POST /a HTTP/1.1\r\n',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 103 x\r\n',
  'HTTP/1.0 200 OK\r\n',
  'Host: a\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'A: b\r\n',
  'TE: trailers\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive\r\n',
  'Expect: 100-continue\r\n',
  ' \r\n',
  '\r\n',
  '\n',
  '\r',
  ':',
  ' ',
  '5\r\nhello\r\n',
  '0\r\n',
  '5;a=b\r\nhello\r\n',
  'hello',
  '0\r\n\r\n',
  'f\r\n',
  '\0',
]

/** Starts like a message, goes on like whatever the seed says. */
function message(random: SeededRandom, start: string): string {
  let text = start
  const count = 1 + Math.floor(random.next() * 8)
  for (let i = 0; i < count; i++) text += FRAGMENTS[Math.floor(random.next() * FRAGMENTS.length)]
  // What is wrong with an unfinished line may be told later, so all lines are finished.
  return `${text}\r\n\r\n`
}

function summary(recorder: Recorder): string {
  const fields = (recorder as Partial<Accepted>).request?.fields ?? recorder.head_?.fields
  return JSON.stringify([
    recorder.events,
    recorder.body,
    fields?.names,
    fields?.values,
    recorder.trailers_?.names,
    recorder.reason?.toString(),
  ])
}

function serve(text: string, size: number): string {
  const bench = new ServerBench()
  bench.onRequest = ({ stream }) => stream.head(Head.response(204), null, true)
  bench.receive(text, size)
  const result = bench.accepted.map(summary).join() + bench.refused.join()
  bench.dispose()
  return result
}

function call(text: string, size: number): string {
  const bench = new ClientBench()
  const { recorder, stream } = bench.open()
  stream.head(Head.request('GET', 'http', 'a', '/'), null, true)
  bench.receive(text, size)
  const result = summary(recorder) + bench.connection.capacity
  bench.dispose()
  return result
}

t.test('the pieces in which a message arrives change nothing', (t) => {
  const random = new SeededRandom(20_261_122)
  let complete = 0
  for (let round = 0; round < 2000; round++) {
    const request = message(
      random,
      round % 2 === 0
        ? 'POST / HTTP/1.1\r\nHost: a\r\n'
        : 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    const response = message(
      random,
      round % 2 === 0 ? 'HTTP/1.1 200 OK\r\n' : 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    const served = serve(request, request.length)
    const called = call(response, response.length)
    if (served.includes('end')) complete++
    for (const size of [1, 2, 3, 7]) {
      const other = serve(request, size)
      if (other !== served) t.equal(other, served, `request ${JSON.stringify(request)} in pieces of ${size}`)
      const again = call(response, size)
      // Bytes behind a response are seen in time only when they come with its end.
      if (again.slice(0, -1) !== called.slice(0, -1)) {
        t.equal(again, called, `response ${JSON.stringify(response)} in pieces of ${size}`)
      }
    }
  }
  t.ok(complete > 100, `${complete} complete requests among them`)
  t.end()
})

/** What came of pipelined requests, each answered at its end, and all that was written. */
function serveAll(bytes: Buffer, sizes: () => number, turn: VirtualTurn): string {
  const bench = new ServerBench()
  bench.onRequest = (accepted, end) => {
    const answer = (): void => {
      accepted.stream.head(Head.response(200), null, false)
      accepted.stream.data(Buffer.from(`${bench.accepted.length}`), 0, 1, true)
    }
    accepted.onEnd = answer
    if (end) answer()
  }
  feed(bytes, sizes, (chunk) => bench.transport.received(chunk))
  turn.end()
  return JSON.stringify([bench.accepted.map(summary), bench.refused.map(String), bench.socket.written])
}

/** What came of the first response, and all that was written. */
function callOnce(bytes: Buffer, sizes: () => number, turn: VirtualTurn): string {
  const bench = new ClientBench()
  const { recorder, stream } = bench.open()
  stream.head(Head.request('POST', 'http', 'a', '/'), null, false)
  stream.data(Buffer.from('hello'), 0, 5, true)
  feed(bytes, sizes, (chunk) => bench.transport.received(chunk))
  turn.end()
  return JSON.stringify([summary(recorder), bench.socket.written])
}

t.test('generated, odd and mutated messages: events and output are the same in any pieces', async (t) => {
  const turn = new VirtualTurn()
  turn.install()
  t.teardown(() => turn.restore())
  const found: string[] = []
  let complete = 0
  for (let seed = 1; seed <= 3000; seed++) {
    const chooser = new Chooser(seed)
    const odd = [0, 0.05, 0.2][seed % 3] as number
    const server = seed % 2 === 0
    let text = ''
    for (let n = 1 + chooser.below(3); n > 0; n--)
      text += server ? generateRequest(chooser, odd) : generateResponse(chooser, odd)
    if (seed % 5 === 0) text = mutateText(chooser, text)
    // What is wrong with an unfinished line may be told later, so all lines are finished.
    const bytes = Buffer.from(`${text}\r\n\r\n`, 'latin1')
    let whole = ''
    for (const [name, sizes] of waysToCut(bytes.length, chooser)) {
      const outcome = server ? serveAll(bytes, sizes, turn) : callOnce(bytes, sizes, turn)
      if (whole === '') whole = outcome
      else if (outcome !== whole)
        found.push(`${name}: ${outcome}, not ${whole}: ${JSON.stringify(text)} (seed ${seed})`)
    }
    if (/\bend\b|trailers/.test(whole)) complete += 1
  }
  t.strictSame(found.slice(0, 3), [], `${found.length} differences`)
  t.ok(complete > 1500, `${complete} with complete messages`)
})

t.test('another version is told from nonsense even when it is cut', async (t) => {
  for (const version of ['HTTP/2.0', 'HTTP/3.9', 'HTTP/1.2', 'HTTP/x.1', 'HTTP/2x0', 'HTTQ/1.1']) {
    const text = `GET / ${version}\r\nHost: a\r\n\r\n`
    const whole = serve(text, text.length)
    t.match(whole, /^HTTP\/\d\.\d$/.test(version) ? /spoken here/ : /malformed/)
    for (let size = 1; size < text.length; size++) t.equal(serve(text, size), whole)
  }
})
