import t from 'tap'
import { Http1ServerConnection } from '../../proxy/codec/http1/server-connection.ts'
import { Http2Stream } from '../../proxy/codec/http2/stream.ts'
import type { Reason } from '../../proxy/message/reason.ts'
import { Fuzzer, failure, minimise } from './fuzzer.ts'
import { promise, type Target } from './target.ts'
import { TARGETS } from './targets.ts'

/** Breaks when "ab" stands before "xyz"; says so step by step. */
const planted: Target = {
  name: 'planted',
  about: 'a bug to be found',
  maxBytes: 100,
  seeds: () => [Buffer.from('hello')],
  dictionary: [],
  mutate: null,
  run: (input, note) => {
    let step = 0
    for (const byte of input) if (byte === 'abxyz'.charCodeAt(step)) note(`step ${++step}`)
    promise(step < 5, 'all five are there')
  },
}

function find(target: Target, seed: number, executions: number): { input: Buffer; message: string } | null {
  const fuzzer = new Fuzzer(target, seed, [])
  while (fuzzer.executions < executions) {
    const finding = fuzzer.step()
    if (finding !== null) return { input: finding.input, message: finding.error.message }
  }
  return null
}

t.test('finds its way step by step, and makes small what it finds', async (t) => {
  const finding = find(planted, 1, 50_000)
  t.equal(finding?.message, 'all five are there')
  const small = minimise(planted, finding?.input as Buffer)
  t.equal(small.toString(), 'abxyz')
  t.ok(failure(planted, small))
})

t.test('the same seed does the same', async (t) => {
  t.strictSame(find(planted, 7, 50_000), find(planted, 7, 50_000))
})

t.test('what needs no change is not made smaller', async (t) => {
  t.equal(minimise(planted, Buffer.from('fine')).toString(), 'fine')
})

function targetOf(name: string): Target {
  return TARGETS.find((target) => target.name === name) as Target
}

t.test('a codec that breaks its promises is found out', async (t) => {
  const { abort } = Http2Stream.prototype
  t.teardown(() => {
    Http2Stream.prototype.abort = abort
  })
  Http2Stream.prototype.abort = function (reason: Reason) {
    const { receiver } = this
    abort.call(this, reason)
    receiver?.reset(reason)
  }
  t.match(find(targetOf('http2-server'), 1, 2000)?.message, 'reset after the stream was reset')
  t.match(find(targetOf('http2-client'), 1, 2000)?.message, 'reset after the stream was reset')
})

t.test('so is one that forgets to close', async (t) => {
  const { readEnd, expired } = Http1ServerConnection.prototype
  t.teardown(() => {
    Object.assign(Http1ServerConnection.prototype, { readEnd, expired })
  })
  Http1ServerConnection.prototype.readEnd = () => {}
  // It would notice later, when it looks whether anything happened.
  Http1ServerConnection.prototype.expired = () => {}
  t.ok(find(targetOf('http1-server'), 1, 2000))
})

t.test('and one that throws', async (t) => {
  const { drained } = Http1ServerConnection.prototype
  t.teardown(() => {
    Http1ServerConnection.prototype.drained = drained
  })
  Http1ServerConnection.prototype.drained = () => {
    throw new TypeError('oops')
  }
  t.match(find(targetOf('http1-server'), 1, 2000)?.message, 'oops')
})
