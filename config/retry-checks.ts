import type { Report } from './cross-checks.ts'
import type { Part } from './part.ts'
import { formatPath } from './problems.ts'
import { parseDuration } from './values.ts'

/** Contradictions in what a route says of further attempts. */
export function checkRetry(route: Part, problem: Report, warning: Report): void {
  const retry = route.get('retry')
  if (retry.isMapping && !retry.has('on') && !retry.has('statuses')) {
    const what = 'a list of conditions such as [connect-failure, unavailable]'
    problem(retry.get('on').path, `missing, expected ${what}, or statuses`)
  }
  checkTryTimeout(route, warning)
  const [base, max] = ['base', 'max'].map((key) => retry.get('backOff').get(key)) as [Part, Part]
  const [shortest, longest] = [parseDuration(base.text() ?? '25ms'), parseDuration(max.text() ?? '')]
  if (shortest === null || longest === null || longest >= shortest) return
  const what = base.exists ? `${formatPath(base.path)} is ${base.text()}` : 'base is 25ms by default'
  problem(max.path, `shorter than the first wait, because ${what}, expected at least as much`)
}

function checkTryTimeout(route: Part, warning: Report): void {
  const one = route.get('retry').get('perTryTimeout')
  const all = route.has('timeout') ? route.get('timeout').text() : '15s'
  const [oneTry, whole] = [parseDuration(one.text() ?? ''), parseDuration(all ?? '')]
  if (oneTry === null || whole === null || oneTry < whole) return
  warning(
    one.path,
    `has no effect, because the route's timeout of ${all} is not longer, expected a shorter duration`,
  )
}
