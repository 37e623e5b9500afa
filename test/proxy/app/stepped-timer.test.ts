import t from 'tap'
import { SteppedTimer } from '../../../proxy/app/stepped-timer.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

function timer() {
  const clock = new VirtualClock()
  const fired: number[] = []
  const stepped = new SteppedTimer({ expired: (kind) => fired.push(kind) }, 5, clock.timers)
  return { clock, fired, stepped }
}

t.test('fires once, in time', async (t) => {
  const { clock, fired, stepped } = timer()
  stepped.arm(800)
  clock.advance(790)
  t.strictSame(fired, [])
  clock.advance(100)
  t.strictSame(fired, [5])
  clock.advance(10_000)
  t.strictSame(fired, [5])
})

t.test('a stall of ours is not held against what is waited for', async (t) => {
  const { clock, fired, stepped } = timer()
  stepped.arm(800)
  clock.jump(60_000)
  t.strictSame(fired, [], 'seven eighths are left')
  clock.advance(690)
  t.strictSame(fired, [])
  clock.advance(100)
  t.strictSame(fired, [5])
})

t.test('disarmed it does not fire, armed again it starts anew', async (t) => {
  const { clock, fired, stepped } = timer()
  stepped.arm(100)
  clock.advance(50)
  stepped.disarm()
  clock.advance(1000)
  t.equal(clock.timers.armed, 0)
  stepped.arm(100)
  clock.advance(50)
  stepped.arm(400)
  clock.advance(350)
  t.strictSame(fired, [])
  clock.advance(150)
  t.strictSame(fired, [5])
})
