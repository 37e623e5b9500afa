import type { Report } from './cross-checks.ts'
import type { Part } from './part.ts'
import { formatPath } from './problems.ts'

/** Contradictions in rate limits and limits on concurrency. */
export function checkOverload(root: Part, problem: Report, warning: Report): void {
  for (const listener of root.get('listeners').children()) {
    const shared = new Map<string, Part>()
    checkRateLimits(listener.get('rateLimit'), listener, shared, problem, warning)
    for (const route of listener.get('routes').children()) {
      checkRateLimits(route.get('rateLimit'), listener, new Map(shared), problem, warning)
      checkConcurrency(route.get('concurrency'), problem)
    }
  }
  for (const upstream of root.get('upstreams').children()) {
    const concurrency = upstream.get('concurrency')
    checkConcurrency(concurrency, problem)
    checkRequests(concurrency, upstream.get('limits').get('requests'), warning)
  }
}

/** `names` are those of the limits that a request meets before. */
function checkRateLimits(
  given: Part,
  listener: Part,
  names: Map<string, Part>,
  problem: Report,
  warning: Report,
): void {
  for (const limit of given.isMapping ? [given] : given.children()) {
    const name = limit.get('name')
    const first = names.get(name.text() ?? '')
    if (first !== undefined) {
      problem(name.path, `\`${name.text()}\` is the name of ${formatPath(first.path)} too, expected another`)
    } else if (name.text() !== null) names.set(`${name.text()}`, limit)
    checkKeys(limit.get('by'), listener, problem, warning)
  }
}

function checkKeys(by: Part, listener: Part, problem: Report, warning: Report): void {
  const seen = new Set<string>()
  for (const key of by.children()) {
    const text = key.text() ?? `header ${key.get('header').text()?.toLowerCase()}`
    if (seen.has(text)) problem(key.path, `${text} stands here twice, expected each once`)
    seen.add(text)
    const tls = listener.get('tls').text() ?? (listener.has('tls') ? '' : 'none')
    if (text === 'principal' && (tls === 'none' || tls === 'server')) {
      const why = `because ${formatPath(listener.get('tls').path)} is \`${tls}\``
      warning(key.path, `all callers share one limit, ${why}, expected \`mutual\` there, or source here`)
    }
  }
}

function checkConcurrency(concurrency: Part, problem: Report): void {
  if (!concurrency.isMapping) return
  const number = (key: string, fallback: number) => {
    const { value } = concurrency.get(key)
    return typeof value === 'number' ? value : fallback
  }
  const min = number('min', 1)
  const max = number('max', Math.max(1000, min))
  if (min > max) {
    problem(concurrency.get('min').path, `max is ${max}, expected a whole number from 1 to ${max}`)
    return
  }
  const start = number('start', min)
  if (start < min || start > max) {
    const beyond = start < min ? `min is ${min}` : `max is ${max}`
    problem(concurrency.get('start').path, `${beyond}, expected a whole number from ${min} to ${max}`)
  }
}

function checkRequests(concurrency: Part, requests: Part, warning: Report): void {
  if (!concurrency.exists || typeof requests.value !== 'number') return
  const min = concurrency.get('min').value
  const least = typeof min === 'number' ? min : 5
  if (requests.value > least) return
  warning(requests.path, `always reached before concurrency is, whose min is ${least}, expected more`)
}
