import type { Report } from './cross-checks.ts'
import type { Part } from './part.ts'
import { formatPath } from './problems.ts'
import { parseSize } from './values.ts'

/** Windows that contradict each other. */
export function checkHttp2(root: Part, problem: Report): void {
  for (const part of [...root.get('listeners').children(), ...root.get('upstreams').children()]) {
    const http2 = part.get('http2')
    atLeast(http2.get('maxWindow'), 1, http2.get('window'), problem)
    atLeast(http2.get('maxConnectionWindow'), 1, http2.get('connectionWindow'), problem)
    // One stalled stream would stop all others.
    atLeast(http2.get('maxConnectionWindow'), 2, http2.get('maxWindow'), problem)
  }
}

/** Where both are given: the first is at least `times` the second. */
function atLeast(larger: Part, times: number, smaller: Part, problem: Report): void {
  const [most, least] = [parseSize(larger.text() ?? ''), parseSize(smaller.text() ?? '')]
  if (most === null || least === null || most >= least * times) return
  const wanted = times === 1 ? 'at least that' : 'at least twice that'
  problem(
    larger.path,
    `${larger.text()} is too little, because ${formatPath(smaller.path)} is ${smaller.text()}, expected ${wanted}`,
  )
}
