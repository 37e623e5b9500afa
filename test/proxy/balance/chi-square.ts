/** How far counts are from what was expected of them; under `limit` in 999 of 1000 fair draws. */
export function chiSquare(
  counts: readonly number[],
  weights: readonly number[],
): { value: number; limit: number } {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const weight = weights.reduce((sum, one) => sum + one, 0)
  let value = 0
  for (let i = 0; i < counts.length; i++) {
    const expected = (total * (weights[i] as number)) / weight
    value += ((counts[i] as number) - expected) ** 2 / expected
  }
  // Wilson and Hilferty's approximation of the quantile; 3.09 is that of the normal distribution.
  const freedom = counts.length - 1
  const limit = freedom * (1 - 2 / (9 * freedom) + 3.09 * Math.sqrt(2 / (9 * freedom))) ** 3
  return { value, limit }
}
