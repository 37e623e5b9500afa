import t from 'tap'
import { exponential, logNormal, zipf } from '../../../bench/simulation/distribution.ts'
import { Latencies } from '../../../bench/simulation/latencies.ts'
import { Mesh } from '../../../bench/simulation/mesh.ts'
import { endpoints } from '../../../bench/simulation/scenarios/settings.ts'
import { SeededRandom } from '../../../proxy/base/random.ts'

/** Both ways of a request and its answer, in milliseconds. */
const NETWORK = 0.5

function mean(latencies: Latencies): number {
  let sum = 0
  const steps = 1000
  for (let i = 0; i < steps; i++) sum += latencies.quantile((i + 0.5) / steps)
  return sum / steps
}

t.test('queues behave as theory says', async (t) => {
  const mesh = (concurrency: number, rate: number) =>
    new Mesh({
      seed: 5,
      balance: { policy: 'round-robin' },
      sidecars: 1,
      endpoints: endpoints(1),
      server: () => ({ concurrency, service: exponential(10) }),
      rate,
      seconds: 4000 / concurrency,
    }).run()
  // One worker at 50 %: the time in the system is exponential with a mean of 10 ms / (1 - 0.5).
  const one = mesh(1, 50)
  t.ok(Math.abs(mean(one.latencies) - NETWORK - 20) < 0.6, `mean ${mean(one.latencies)} ms`)
  const tail = one.latencies.quantile(0.99) - NETWORK
  t.ok(Math.abs(tail - 20 * Math.log(100)) < 4, `99th percentile ${tail} ms`)
  // Four workers at 80 %: by Erlang's formula C a share of 0.5964 waits, for 12.5 ms on average.
  const four = mesh(4, 320)
  const expected = 10 + 0.5964 * 12.5
  t.ok(Math.abs(mean(four.latencies) - NETWORK - expected) < 0.6, `mean ${mean(four.latencies)} ms`)
})

t.test('every request is counted, however late its answer', async (t) => {
  const mesh = new Mesh({
    seed: 1,
    balance: { policy: 'random' },
    sidecars: 3,
    endpoints: endpoints(2),
    server: () => ({ concurrency: 1, service: exponential(50) }),
    rate: 100,
    seconds: 20,
  }).run()
  t.ok(Math.abs(mesh.requests - 2000) < 200, `${mesh.requests} requests`)
  t.equal(mesh.latencies.count, mesh.requests)
  t.equal(
    [...mesh.sent.values()].reduce((sum, sent) => sum + sent, 0),
    mesh.requests,
  )
  t.ok(mesh.latencies.quantile(1) > 20_000, 'the queues grew all the time')
  for (const { set } of mesh.sidecars) for (const { active } of set.endpoints) t.equal(active, 0)
})

t.test('distributions have their means', async (t) => {
  const random = new SeededRandom(11)
  const COUNT = 200_000
  for (const [name, draw] of Object.entries({
    exponential: exponential(10),
    logNormal: logNormal(10, 0.8),
  })) {
    let sum = 0
    for (let i = 0; i < COUNT; i++) sum += draw(random)
    t.ok(Math.abs(sum / COUNT - 10) < 0.15, `${name}: ${sum / COUNT}`)
  }
  const draw = zipf(100)
  const counts = new Array<number>(100).fill(0)
  for (let i = 0; i < COUNT; i++) {
    const rank = draw(random)
    counts[rank] = (counts[rank] as number) + 1
  }
  const harmonic = counts.reduce((sum, _, rank) => sum + 1 / (rank + 1), 0)
  for (const rank of [0, 1, 9, 99]) {
    const expected = COUNT / (rank + 1) / harmonic
    const off = Math.abs((counts[rank] as number) - expected)
    t.ok(off < 5 * Math.sqrt(expected), `rank ${rank}: ${counts[rank]} for ${expected}`)
  }
})

t.test('quantiles are those of the sorted list', async (t) => {
  const random = new SeededRandom(2)
  const latencies = new Latencies()
  const list: number[] = []
  for (let i = 0; i < 997; i++) {
    const ms = Math.floor(random.next() * 300)
    latencies.add(ms)
    list.push(ms)
  }
  list.sort((a, b) => a - b)
  for (const quantile of [0.001, 0.5, 0.9, 0.99, 1]) {
    const found = latencies.quantile(quantile)
    t.equal(found, list[Math.ceil(quantile * list.length) - 1])
    t.equal(latencies.shareAbove(found), list.filter((ms) => ms > found).length / list.length)
  }
  t.equal(latencies.shareAbove(-1), 1)
  t.equal(latencies.shareAbove(300), 0)
})
