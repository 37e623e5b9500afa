import t from 'tap'
import type { Clock } from '../../../proxy/base/clock.ts'
import { TimerWheel } from '../../../proxy/base/timer-wheel.ts'
import { createLogger } from '../../../proxy/telemetry/log.ts'
import { LogLimit, type LogLimitOptions } from '../../../proxy/telemetry/log-limit.ts'
import { MemoryStream } from './memory-stream.ts'

function limited(options?: LogLimitOptions) {
  const stream = new MemoryStream()
  let now = 0
  const clock: Clock = { now: () => now, wall: () => now }
  const wheel = new TimerWheel(clock.now)
  const limit = new LogLimit(createLogger({ service: 'shop', stream }), clock, wheel, options)
  const pass = (ms: number) => {
    now += ms
    wheel.advance()
  }
  const take = () => {
    const records = stream.records().map(({ msg, key, suppressed }) => ({ msg, key, suppressed }))
    stream.lines.length = 0
    return records
  }
  return { limit, wheel, pass, take }
}

const line = { msg: 'refused', key: undefined, suppressed: undefined }
const summary = (key: string, suppressed: number) => ({
  msg: 'more lines like these were not written',
  key,
  suppressed,
})

t.test('beyond the share of a second lines are counted, and told when it is over', async (t) => {
  const { limit, wheel, pass, take } = limited({ perSecond: 2 })
  const written = [1, 2, 3, 4, 5].map(() => limit.warn('tls', {}, 'refused'))
  t.strictSame(written, [true, true, false, false, false])
  t.strictSame(take(), [line, line])
  pass(1020)
  t.strictSame(take(), [summary('tls', 3)])
  t.equal(wheel.armed, 0, 'nothing is waited for any more')

  limit.warn('tls', {}, 'refused')
  t.strictSame(take(), [line], 'the next second has its own share')
  pass(1020)
  t.strictSame(take(), [])
  t.equal(wheel.armed, 0)
})

t.test('by default ten lines a second pass', async (t) => {
  const { limit, take } = limited()
  for (let i = 0; i < 25; i++) limit.warn('tls', {}, 'refused')
  t.equal(take().length, 10)
  limit.close()
})

t.test('keys do not take from each other, but their number is bounded', async (t) => {
  const { limit, take } = limited({ perSecond: 1, keys: 2 })
  const written = ['a', 'b', 'c', 'd', 'e', 'a'].map((key) => limit.warn(key, {}, 'refused'))
  t.strictSame(written, [true, true, true, false, false, false])
  take()
  limit.close()
  t.strictSame(take(), [summary('a', 1), summary('other', 2)])
})

t.test('closing tells what was held back and leaves no timer', async (t) => {
  const { limit, wheel, take } = limited({ perSecond: 1 })
  limit.warn('tls', {}, 'refused')
  limit.warn('tls', {}, 'refused')
  limit.close()
  t.strictSame(take(), [line, summary('tls', 1)])
  t.equal(wheel.armed, 0)
})

t.test('a flood over several seconds is told every second', async (t) => {
  const { limit, pass, take } = limited({ perSecond: 1 })
  let suppressed = 0
  let lines = 0
  for (let i = 0; i < 500; i++) {
    limit.warn('tls', {}, 'refused')
    pass(10)
  }
  limit.close()
  for (const record of take()) {
    if (record.msg === 'refused') lines += 1
    else suppressed += Number(record.suppressed)
  }
  t.equal(lines + suppressed, 500, 'every warning is accounted for')
  t.ok(lines >= 4 && lines <= 6, `${lines} lines in five seconds`)
})
