import type { Report } from './cross-checks.ts'
import type { Part } from './part.ts'
import { formatPath } from './problems.ts'
import { isOff } from './resolve/off.ts'
import { parseDuration, parsePercent } from './values.ts'

/** Contradictions in how failed endpoints of an upstream are found: `health`, `outlier` and `breaker`. */
export function checkDetection(upstream: Part, problem: Report): void {
  const outlier = upstream.get('outlier')
  const backOff = upstream.get('breaker').get('backOff')
  checkAtLeast(upstream.get('health'), 'idleInterval', 'interval', '2s', problem)
  checkAtLeast(backOff, 'to', 'from', '1s', problem)
  if (backOff.has('from') && !backOff.has('to')) {
    const from = parseDuration(backOff.get('from').text() ?? '')
    if (from !== null && from > 60_000) {
      problem(backOff.get('from').path, 'longer than the 60s of `to`, expected a longer `to` beside it')
    }
  }
  const share = outlier.get('failureShare')
  if (parsePercent(share.text() ?? '') === 0) {
    problem(share.path, 'would eject endpoints without a failure, expected a share above 0%, or off')
  }
  const off = (key: string, byDefault: boolean) =>
    outlier.has(key) ? isOff(outlier.get(key).value) : byDefault
  if (
    outlier.isMapping &&
    off('consecutive', false) &&
    off('successRate', false) &&
    off('failureShare', true)
  ) {
    problem(
      outlier.path,
      'nothing would be judged, expected one of consecutive, successRate and failureShare',
    )
  }
}

/** The duration `longer`, if given, is not below `shorter`. */
function checkAtLeast(part: Part, longer: string, shorter: string, byDefault: string, problem: Report): void {
  if (!part.has(longer)) return
  const least = part.has(shorter) ? (part.get(shorter).text() ?? '') : byDefault
  const [one, other] = [parseDuration(part.get(longer).text() ?? ''), parseDuration(least)]
  if (one === null || other === null || one >= other) return
  const path = formatPath(part.get(shorter).path)
  problem(part.get(longer).path, `shorter than the ${least} of ${path}, expected ${least} or more`)
}
