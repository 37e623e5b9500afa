import type { Random } from '../../proxy/base/random.ts'

/** Draws durations, in milliseconds. */
export type Distribution = (random: Random) => number

/** Memoryless: waits between independent arrivals, work of very different size. */
export function exponential(mean: number): Distribution {
  return (random) => -mean * Math.log(1 - random.next())
}

/**
 * Most draws somewhat below the mean, a few far above: what services measure of themselves. `sigma` is the deviation
 * of the logarithm; 1 puts the 99th percentile at six times the mean.
 */
export function logNormal(mean: number, sigma: number): Distribution {
  const mu = Math.log(mean) - (sigma * sigma) / 2
  return (random) => Math.exp(mu + sigma * normal(random))
}

/** Box and Muller 1958. */
function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()))
  return radius * Math.cos(2 * Math.PI * random.next())
}

/** Draws ranks from 0 to `count` - 1, rank r in proportion to 1 / (r + 1): few keys make up most of the traffic. */
export function zipf(count: number): (random: Random) => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1)
    sums[rank] = sum
  }
  return (random) => {
    const wanted = random.next() * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}
