import t from 'tap'
import { TurnClock } from '../../../proxy/base/turn-clock.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('shows one time for all of a turn, and the current one in the next', async (t) => {
  let time = 100
  const clock = new TurnClock({ now: () => time, wall: () => time * 2 })
  t.equal(clock.now(), 100)
  time = 107
  t.equal(clock.now(), 100)
  await Promise.resolve()
  t.equal(clock.now(), 100, 'microtasks belong to the turn')
  t.equal(clock.wall(), 214, 'the wall clock is read each time')
  await turn()
  t.equal(clock.now(), 107)
})

t.test('does not show an old time after turns in which nobody looked', async (t) => {
  let time = 1
  const clock = new TurnClock({ now: () => time, wall: () => time })
  clock.now()
  await turn()
  time = 5000
  await turn()
  t.equal(clock.now(), 5000)
})
