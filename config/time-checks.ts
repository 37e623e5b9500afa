import type { Report } from './cross-checks.ts'
import type { Part } from './part.ts'
import { formatPath } from './problems.ts'
import { parseDuration } from './values.ts'

/** Time limits of a route that can never be reached, because another one is met first. */
export function checkRouteTimes(listener: Part, route: Part, warning: Report): void {
  checkTryTimeout(route, warning)
  checkSilence(listener, route, warning)
  checkWhole(route, warning)
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

/** A request on which nothing moves is ended, waiting for a response included. */
function checkSilence(listener: Part, route: Part, warning: Report): void {
  const [own, shared] = [route.get('idleTimeout'), listener.get('timeouts').get('stream')]
  // gRPC calls may be silent for an hour.
  if (!own.exists && route.get('match').get('grpc').exists) return
  const limit = own.exists ? own : shared
  const silence = limit.exists ? limit.text() : '5m'
  const timeout = route.get('timeout')
  const [longest, wanted] = [parseDuration(silence ?? ''), parseDuration(timeout.text() ?? '')]
  if (longest === null || wanted === null || wanted <= longest) return
  warning(
    timeout.path,
    `never reached, because ${formatPath(limit.path)} ends a request on which nothing moves for ${silence}`,
  )
}

/** Nothing lasts longer than a request as a whole. */
function checkWhole(route: Part, warning: Report): void {
  const whole = route.get('maxDuration')
  const longest = parseDuration(whole.text() ?? '')
  if (longest === null) return
  for (const part of [
    route.get('timeout'),
    route.get('idleTimeout'),
    route.get('retry').get('perTryTimeout'),
  ]) {
    const wanted = parseDuration(part.text() ?? '')
    if (wanted === null || wanted < longest) continue
    warning(
      part.path,
      `never reached, because ${formatPath(whole.path)} ends the request after ${whole.text()}, expected a shorter duration`,
    )
  }
}
