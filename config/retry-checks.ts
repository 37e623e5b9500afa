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
  checkWithin(route, route.get('retry').get('perTryTimeout'), 'has no effect', warning)
  checkWithin(route, route.get('hedge').get('after'), 'never reached', warning)
  const [base, max] = ['base', 'max'].map((key) => retry.get('backOff').get(key)) as [Part, Part]
  const [shortest, longest] = [parseDuration(base.text() ?? '25ms'), parseDuration(max.text() ?? '')]
  if (shortest === null || longest === null || longest >= shortest) return
  const what = base.exists ? `${formatPath(base.path)} is ${base.text()}` : 'base is 25ms by default'
  problem(max.path, `shorter than the first wait, because ${what}, expected at least as much`)
}

/** What is not shorter than the route's timeout does nothing. */
function checkWithin(route: Part, part: Part, what: string, warning: Report): void {
  const all = route.has('timeout') ? route.get('timeout').text() : '15s'
  const [one, whole] = [parseDuration(part.text() ?? ''), parseDuration(all ?? '')]
  if (one === null || whole === null || one < whole) return
  warning(
    part.path,
    `${what}, because the route's timeout of ${all} is not longer, expected a shorter duration`,
  )
}
