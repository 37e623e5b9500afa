import t from 'tap'
import { EndpointSet } from '../../../proxy/balance/endpoint-set.ts'
import { MAGLEV_SIZE, MaglevTable } from '../../../proxy/balance/maglev-table.ts'
import { endpoints, weighted } from './endpoints.ts'
import { naiveMaglev } from './naive-hash.ts'

t.test('the table is the one of the paper', async (t) => {
  for (const count of [1, 2, 7]) {
    const { endpoints: members } = new EndpointSet(endpoints(count))
    const table = new MaglevTable()
    table.update(members)
    const naive = naiveMaglev(members, MAGLEV_SIZE)
    t.equal(table.length, MAGLEV_SIZE)
    t.ok(
      naive.every((endpoint, place) => table.at(place) === endpoint),
      `${count} endpoints`,
    )
  }
})

t.test('places follow the weights', async (t) => {
  for (const weights of [
    [1, 1, 1],
    [1, 2, 3, 4],
    [1, 100],
    Array.from({ length: 300 }, (_, i) => 1 + (i % 7)),
  ]) {
    const { endpoints: members } = new EndpointSet(weighted(...weights))
    const table = new MaglevTable()
    table.update(members)
    const places = members.map(() => 0)
    for (let place = 0; place < MAGLEV_SIZE; place++) {
      const { index } = table.at(place)
      places[index] = (places[index] as number) + 1
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const worst = Math.max(
      ...places.map((count, i) => Math.abs(count - (MAGLEV_SIZE * (weights[i] as number)) / total)),
    )
    const heaviest = Math.max(...weights)
    t.ok(worst <= 1 + heaviest, `${weights.length} endpoints: off by ${worst} at most`)
  }
})

t.test('the order of the endpoints makes no difference; without endpoints there is no place', async (t) => {
  const { endpoints: members } = new EndpointSet(endpoints(9))
  const [one, other] = [new MaglevTable(), new MaglevTable()]
  one.update(members)
  other.update([...members].reverse())
  let same = 0
  for (let place = 0; place < MAGLEV_SIZE; place++) if (one.at(place) === other.at(place)) same += 1
  t.equal(same, MAGLEV_SIZE)
  one.update([])
  t.equal(one.length, 0)
})
