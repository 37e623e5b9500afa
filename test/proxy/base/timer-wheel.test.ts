import t from 'tap'
import { SeededRandom } from '../../../proxy/base/random.ts'
import { type Deadline, LONGEST_TURN_MS, Timer, TimerWheel } from '../../../proxy/base/timer-wheel.ts'

class Bell implements Deadline {
  readonly rung: number[] = []
  onRing: (kind: number) => void = () => {}

  expired(kind: number): void {
    this.rung.push(kind)
    this.onRing(kind)
  }
}

function makeWheel(start = 0, longestTurnMs?: number): { wheel: TimerWheel; time: { ms: number } } {
  const time = { ms: start }
  return { wheel: new TimerWheel(() => time.ms, 10, longestTurnMs), time }
}

/** Turns of 10 ms for `ms` milliseconds. */
function run(wheel: TimerWheel, time: { ms: number }, ms: number): void {
  for (const end = time.ms + ms; time.ms < end; ) {
    time.ms += 10
    wheel.advance()
  }
}

t.test('fires once, with its kind, never early and at most a tick late', async (t) => {
  for (const start of [0, 3.7, 9.999, 123_456.5]) {
    for (const ms of [0, 1, 9, 10, 11, 500, 10_235, 10_240, 10_245, 60_000]) {
      const { wheel, time } = makeWheel(start)
      const bell = new Bell()
      wheel.arm(new Timer(bell, 7), ms)
      t.equal(wheel.armed, 1)
      let fired = -1
      for (let at = 0; at <= ms + 40; at++) {
        time.ms = start + at
        wheel.advance()
        if (fired < 0 && bell.rung.length > 0) fired = at
      }
      t.strictSame(bell.rung, [7])
      t.ok(fired >= ms && fired <= ms + 21, `${ms} ms from ${start}: fired after ${fired}`)
      t.equal(wheel.armed, 0)
    }
  }
})

t.test('what is left', async (t) => {
  for (const start of [0, 3.7, 9.999, 123_456.5]) {
    const { wheel, time } = makeWheel(start)
    const timer = new Timer(new Bell(), 0)
    t.equal(wheel.left(timer), Number.POSITIVE_INFINITY)
    wheel.arm(timer, 500)
    t.ok(wheel.left(timer) > 490 && wheel.left(timer) <= 500)
    const before = wheel.left(timer)
    time.ms += 100
    t.equal(Math.round(before - wheel.left(timer)), 100)
    wheel.disarm(timer)
    t.equal(wheel.left(timer), Number.POSITIVE_INFINITY)
  }
})

t.test('a disarmed timer does not fire, and may be armed again', async (t) => {
  const { wheel, time } = makeWheel()
  const bell = new Bell()
  const timer = new Timer(bell, 1)
  wheel.disarm(timer)
  wheel.arm(timer, 50)
  wheel.disarm(timer)
  wheel.disarm(timer)
  t.equal(wheel.armed, 0)
  time.ms = 1000
  wheel.advance()
  t.strictSame(bell.rung, [])
  wheel.arm(timer, 50)
  wheel.arm(timer, 500)
  t.equal(wheel.armed, 1)
  time.ms = 1200
  wheel.advance()
  t.strictSame(bell.rung, [], 'the later deadline holds')
  time.ms = 1600
  wheel.advance()
  t.strictSame(bell.rung, [1])
})

t.test('a stall longer than the wheel fires everything that is due, once', async (t) => {
  const { wheel, time } = makeWheel()
  const bell = new Bell()
  for (let ms = 0; ms < 30_000; ms += 7) wheel.arm(new Timer(bell, ms), ms)
  time.ms = 25_000
  wheel.advance()
  const due = bell.rung.length
  t.ok(bell.rung.every((ms) => ms <= 25_000))
  t.ok(due >= Math.floor(24_979 / 7), `${due} fired`)
  time.ms = 31_000
  wheel.advance()
  t.equal(new Set(bell.rung).size, Math.ceil(30_000 / 7))
  t.equal(bell.rung.length, Math.ceil(30_000 / 7))
  t.equal(wheel.armed, 0)
})

t.test('an expiry may arm itself, arm others and disarm those that are due with it', async (t) => {
  const { wheel, time } = makeWheel()
  const bell = new Bell()
  const timers = [0, 1, 2, 3].map((kind) => new Timer(bell, kind))
  let first = -1
  bell.onRing = (kind) => {
    if (first >= 0) return
    first = kind
    for (const other of timers) if (other.kind !== kind) wheel.disarm(other)
    wheel.arm(timers[kind] as Timer, 0)
    wheel.arm(new Timer(bell, 9), 30)
  }
  for (const timer of timers) wheel.arm(timer, 50)
  time.ms = 100
  wheel.advance()
  t.strictSame(bell.rung, [first], 'what it armed is not due in the same turn')
  time.ms = 120
  wheel.advance()
  t.strictSame(bell.rung, [first, first])
  time.ms = 150
  wheel.advance()
  t.strictSame(bell.rung, [first, first, 9])
  t.equal(wheel.armed, 0)
})

t.test('after a time without timers the wheel takes up the present', async (t) => {
  const { wheel, time } = makeWheel()
  const bell = new Bell()
  time.ms = 100_000
  wheel.arm(new Timer(bell, 1), 100)
  time.ms = 100_050
  wheel.advance()
  t.strictSame(bell.rung, [])
  time.ms = 100_130
  wheel.advance()
  t.strictSame(bell.rung, [1])
})

t.test('against a list of deadlines', async (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new SeededRandom(seed)
    const pick = (count: number): number => Math.floor(random.next() * count)
    const { wheel, time } = makeWheel(pick(1000))
    const due = new Map<number, number>()
    const bell = new Bell()
    const timers = Array.from({ length: 40 }, (_, kind) => new Timer(bell, kind))
    bell.onRing = (kind) => {
      const at = due.get(kind)
      if (at === undefined || at > time.ms) t.fail(`timer ${kind} fired at ${time.ms}, due at ${at}`)
      due.delete(kind)
    }
    for (let step = 0; step < 400; step++) {
      const kind = pick(40)
      const action = pick(4)
      if (action === 0) {
        wheel.disarm(timers[kind] as Timer)
        due.delete(kind)
      } else if (action === 1) {
        const ms = pick(20_000)
        wheel.arm(timers[kind] as Timer, ms)
        due.set(kind, time.ms + ms)
      } else {
        time.ms += action === 2 ? pick(15) : pick(3000)
        wheel.advance()
        for (const [late, at] of due) if (at + 21 < time.ms) t.fail(`timer ${late} is late`)
      }
      if (wheel.armed !== due.size) t.fail(`${wheel.armed} armed, ${due.size} expected`)
    }
    t.ok(bell.rung.length > 0, `seed ${seed}`)
    for (const timer of timers) wheel.disarm(timer)
  }
})

t.test('a stall of the process is nobody’s time', async (t) => {
  const { wheel, time } = makeWheel(5, LONGEST_TURN_MS)
  const bell = new Bell()
  for (const ms of [30, 100, 1000, 20_000]) wheel.arm(new Timer(bell, ms), ms)
  time.ms += 2500
  wheel.advance()
  t.strictSame(bell.rung, [], 'sockets are read before anything fires')
  time.ms += 10
  wheel.advance()
  t.strictSame(bell.rung, [30], 'a long turn counts for a little')
  t.equal(wheel.now(), time.ms, 'the clock itself goes on')
  run(wheel, time, 60)
  t.strictSame(bell.rung, [30, 100])
  run(wheel, time, 860)
  t.strictSame(bell.rung, [30, 100], 'the others have what was left to them')
  run(wheel, time, 60)
  t.strictSame(bell.rung, [30, 100, 1000])
  time.ms += 3_600_000
  wheel.advance()
  run(wheel, time, 18_800)
  t.strictSame(bell.rung, [30, 100, 1000])
  run(wheel, time, 250)
  t.strictSame(bell.rung, [30, 100, 1000, 20_000])
})

t.test('what is armed after a stall, before the wheel has turned, has its own time', async (t) => {
  const { wheel, time } = makeWheel(0, LONGEST_TURN_MS)
  const bell = new Bell()
  wheel.arm(new Timer(bell, 1), 500)
  time.ms += 2000
  wheel.arm(new Timer(bell, 2), 100)
  wheel.advance()
  run(wheel, time, 90)
  t.strictSame(bell.rung, [])
  run(wheel, time, 30)
  t.strictSame(bell.rung, [2])
  run(wheel, time, 350)
  t.strictSame(bell.rung, [2, 1])
})

t.test('turns that are long again and again slow deadlines down and do not switch them off', async (t) => {
  const { wheel, time } = makeWheel(0, LONGEST_TURN_MS)
  const bell = new Bell()
  wheel.arm(new Timer(bell, 1), 1000)
  const fired = (turns: number, ms: number): void => {
    for (let i = 0; i < turns; i++) {
      time.ms += ms
      wheel.advance()
    }
  }
  fired(19, 200)
  t.strictSame(bell.rung, [])
  fired(4, 200)
  t.strictSame(bell.rung, [1])
  wheel.arm(new Timer(bell, 2), 1000)
  fired(20, LONGEST_TURN_MS)
  t.strictSame(bell.rung, [1])
  fired(2, LONGEST_TURN_MS)
  t.strictSame(bell.rung, [1, 2], 'up to the longest turn time is time')
})

t.test('stalls at random, against a sum of what counts', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed)
    const pick = (count: number): number => Math.floor(random.next() * count)
    const { wheel, time } = makeWheel(pick(1000), LONGEST_TURN_MS)
    const due = new Map<number, number>()
    const bell = new Bell()
    const timers = Array.from({ length: 20 }, (_, kind) => new Timer(bell, kind))
    let counted = 0
    bell.onRing = (kind) => {
      const at = due.get(kind)
      if (at === undefined || at > counted) t.fail(`seed ${seed}: ${kind} fired at ${counted}, due at ${at}`)
      due.delete(kind)
    }
    for (let step = 0; step < 1000; step++) {
      const kind = pick(20)
      if (pick(3) === 0) {
        const ms = pick(3000)
        wheel.arm(timers[kind] as Timer, ms)
        due.set(kind, counted + ms)
        continue
      }
      const turn = pick(20) === 0 ? 51 + pick(20_000) : 1 + pick(20)
      time.ms += turn
      counted += Math.min(turn, LONGEST_TURN_MS)
      wheel.advance()
      for (const [late, at] of due) {
        // A tick, and two turns where the first one was a stall.
        if (at + 21 + 2 * LONGEST_TURN_MS < counted) t.fail(`seed ${seed}: ${late} is late`)
      }
    }
    t.ok(bell.rung.length > 10, `seed ${seed}`)
    for (const timer of timers) wheel.disarm(timer)
  }
})

t.test('time() is the time that deadlines run on', async (t) => {
  const { wheel, time } = makeWheel(0, LONGEST_TURN_MS)
  wheel.arm(new Timer(new Bell(), 1), 60_000)
  const start = wheel.time()
  run(wheel, time, 500)
  t.equal(wheel.time() - start, 500)
  time.ms += 4000
  t.equal(wheel.time() - start, 500 + LONGEST_TURN_MS)
  wheel.advance()
  run(wheel, time, 100)
  t.equal(wheel.time() - start, 600 + LONGEST_TURN_MS)
})

t.test('a time without timers is no stall', async (t) => {
  const { wheel, time } = makeWheel(0, LONGEST_TURN_MS)
  const bell = new Bell()
  const start = wheel.time()
  time.ms += 60_000
  wheel.arm(new Timer(bell, 1), 100)
  t.equal(wheel.time() - start, 60_000)
  run(wheel, time, 120)
  t.strictSame(bell.rung, [1])
})

t.test('turns by itself while something is armed, and does not keep the process alive', (t) => {
  const wheel = new TimerWheel(() => performance.now())
  const keepAlive = setInterval(() => {}, 1000)
  const bell = new Bell()
  bell.onRing = () => {
    clearInterval(keepAlive)
    t.equal(wheel.armed, 0)
    t.end()
  }
  wheel.arm(new Timer(bell, 1), 20)
})

t.test('what is left does not shrink with stalls', async (t) => {
  const { wheel, time } = makeWheel(1000, LONGEST_TURN_MS)
  const timer = new Timer(new Bell(), 0)
  wheel.arm(timer, 1000)
  time.ms += 3_600_000
  const left = wheel.left(timer)
  t.ok(left > 1000 - LONGEST_TURN_MS - 10 && left <= 1000 - LONGEST_TURN_MS, `${left}`)
  wheel.advance()
  wheel.advance()
  const later = new Timer(new Bell(), 0)
  wheel.arm(later, 500)
  t.ok(wheel.left(later) > 490 && wheel.left(later) <= 500, 'nor for those that come after')
})
