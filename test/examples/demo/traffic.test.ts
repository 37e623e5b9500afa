import t from 'tap'
import { type Answer, Traffic } from '../../../examples/demo/traffic.ts'

t.test('calls are made until it stops, and counted by what became of them', async (t) => {
  let enough = () => {}
  const twenty = new Promise<void>((resolve) => {
    enough = resolve
  })
  const traffic = new Traffic('orders', async (nth): Promise<Answer> => {
    if (nth === 19) enough()
    if (nth % 4 === 3) throw new Error(`call ${nth} failed`)
    return { instance: nth % 2 === 0 ? 'orders-1' : 'orders-2', text: '' }
  })
  t.equal(traffic.percentile(0.5), null)
  traffic.start(1000)
  await twenty
  await traffic.stop()
  const { calls, errors, byInstance } = traffic
  t.ok(calls >= 20)
  t.equal(errors, Math.floor(calls / 4))
  t.equal(byInstance.get('orders-1'), Math.ceil(calls / 2))
  t.equal((byInstance.get('orders-1') ?? 0) + (byInstance.get('orders-2') ?? 0) + errors, calls)
  t.match(traffic.lastError, /^call \d+ failed$/)
  t.type(traffic.percentile(0.99), 'number')
})

t.test('stop waits for the calls under way', async (t) => {
  let answer = () => {}
  let begun = () => {}
  const first = new Promise<void>((resolve) => {
    begun = resolve
  })
  const traffic = new Traffic('greeter', async (nth) => {
    if (nth === 0) {
      begun()
      await new Promise<void>((resolve) => {
        answer = resolve
      })
    }
    return { instance: 'greeter-1', text: '' }
  })
  traffic.start(100)
  await first
  let stopped = false
  const stopping = traffic.stop().then(() => {
    stopped = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(stopped, false)
  answer()
  await stopping
  t.equal(traffic.byInstance.get('greeter-1'), traffic.calls)
})

t.test('between acts when no call is under way, and goes on', async (t) => {
  let open = 0
  let reached = () => {}
  const ten = () =>
    new Promise<void>((resolve) => {
      reached = resolve
    })
  const traffic = new Traffic('greeter', async (nth) => {
    open += 1
    await new Promise((resolve) => setImmediate(resolve))
    open -= 1
    if (nth % 10 === 9) reached()
    return { instance: 'greeter-1', text: '' }
  })
  let reaching = ten()
  traffic.start(500)
  await reaching
  let openThen = -1
  await traffic.between(() => {
    openThen = open
  })
  t.equal(openThen, 0)
  reaching = ten()
  await reaching
  await traffic.stop()
  t.equal(open, 0)
  t.equal(traffic.errors, 0)
})
