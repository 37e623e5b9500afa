import t from 'tap'
import { StallWatch } from '../../../proxy/base/stall-watch.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

function setUp() {
  const clock = new VirtualClock()
  const watch = new StallWatch(() => clock.now(), clock.timers)
  watch.start()
  return { clock, watch }
}

t.test('time that passes as it should excuses nothing', async (t) => {
  const { clock, watch } = setUp()
  const since = clock.now()
  for (let i = 0; i < 100; i++) {
    t.equal(watch.excuses(since), false)
    clock.advance(70)
  }
  watch.stop()
  t.equal(clock.timers.armed, 0)
})

t.test('a stall excuses what it was a quarter of, and nothing that began later', async (t) => {
  const { clock, watch } = setUp()
  clock.advance(1000)
  const before = clock.now()
  clock.jump(2000)
  t.equal(watch.excuses(before), true)
  const later = clock.now()
  clock.advance(5000)
  t.equal(watch.excuses(before), true, '2 of 7 s')
  t.equal(watch.excuses(later), false)
  clock.advance(2000)
  t.equal(watch.excuses(before), false, '2 of 9 s')
})

t.test('a stall is known before the timer that tells of it has fired', async (t) => {
  const clock = new VirtualClock()
  let now = 0
  const watch = new StallWatch(() => now, clock.timers)
  watch.start()
  now = 2000
  t.equal(watch.excuses(0), true)
  t.equal(watch.excuses(1999), true)
  watch.stop()
  t.equal(watch.excuses(0), false, 'one that does not run knows of none')
})

t.test('many small stalls add up', async (t) => {
  const { clock, watch } = setUp()
  const since = clock.now()
  for (let i = 0; i < 10; i++) {
    clock.advance(100)
    clock.jump(200)
  }
  t.equal(watch.excuses(since), true)
})
