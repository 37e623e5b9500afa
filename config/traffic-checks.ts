import { checkOneOf, checkUpstreamName, type Report } from './cross-checks.ts'
import { checkDetection } from './detection-checks.ts'
import type { Part } from './part.ts'
import { formatPath } from './problems.ts'
import { parseAddress, parseDuration, parseSize } from './values.ts'

/** Contradictions in listeners, their rules and routes. */
export function checkListeners(root: Part, problem: Report, warning: Report): void {
  const used = new Set<string>()
  for (const listener of root.get('listeners').children()) {
    for (const rule of listener.get('authorize').children()) {
      checkOneOf(rule, ['allow', 'deny'], problem)
      checkPrincipals(listener, rule, problem)
    }
    checkRequestNames(listener, problem, warning)
    checkTargetSize(listener.get('limits'), warning)
    let catchAll: Part | null = null
    for (const route of listener.get('routes').children()) {
      checkMatch(route.get('match'), problem)
      checkTargets(route, root, used, problem)
      checkTryTimeout(route, warning)
      checkStreamTimeout(listener, route, warning)
      if (catchAll !== null) {
        warning(
          route.path,
          `never reached, because ${formatPath(catchAll.path)} matches every request and comes first`,
        )
      } else if (route.isMapping && isCatchAll(route.get('match'))) catchAll = route
    }
  }
  for (const upstream of root.get('upstreams').children()) {
    if (!used.has(upstream.key)) warning(upstream.path, 'no route uses this upstream')
  }
}

/** What the keys of config/request-schema.ts say together with others. */
function checkRequestNames(listener: Part, problem: Report, warning: Report): void {
  const tls = listener.get('tls').text() ?? (listener.has('tls') ? '' : 'none')
  const serverName = listener.get('matchServerName')
  if (serverName.value === true && tls === 'none') {
    const why = `because ${formatPath(listener.get('tls').path)} is \`none\``
    problem(serverName.path, `callers name no server, ${why}, expected TLS there, or false here`)
  }
  const hops = listener.get('forwarded').get('trustedHops')
  if (typeof hops.value === 'number' && hops.value > 0) {
    const trust = listener.get('forwarded').get('trust')
    if (trust.text() === 'always')
      warning(hops.path, 'has no effect, because every caller is believed, expected trust: mesh or never')
  }
  if (listener.get('paths').get('escapedSlashes').text() === 'keep') return
  const paths = listener
    .get('routes')
    .children()
    .flatMap((route) => ['path', 'prefix'].map((key) => route.get('match').get(key)))
  for (const rule of listener.get('authorize').children())
    for (const conditions of rule.children()) paths.push(...conditions.get('paths').children())
  for (const path of paths) {
    if (path.text()?.includes('%2F') !== true) continue
    warning(
      path.path,
      'matches nothing, because escaped slashes are refused, expected escapedSlashes: keep in paths',
    )
  }
}

function checkPrincipals(listener: Part, rule: Part, problem: Report): void {
  const tls = listener.get('tls').text() ?? (listener.has('tls') ? '' : 'none')
  if (tls !== 'none' && tls !== 'server') return
  for (const conditions of rule.children()) {
    const principals = conditions.get('principals')
    if (!principals.exists) continue
    problem(
      principals.path,
      `callers have no identity, because ${formatPath(listener.get('tls').path)} is \`${tls}\`, expected \`mutual\` or \`permissive\` there`,
    )
  }
}

function isCatchAll(match: Part): boolean {
  return !match.exists || (match.isMapping && match.keys().length === 0)
}

function checkMatch(match: Part, problem: Report): void {
  checkOneOf(match, ['path', 'prefix', 'grpc'], problem, true)
  const seen = new Map<string, string>()
  for (const header of match.get('headers').children()) {
    checkOneOf(header, ['exact', 'prefix', 'present'], problem)
    const name = header.key.toLowerCase()
    const first = seen.get(name)
    if (first === undefined) seen.set(name, header.key)
    else problem(header.path, `the same header as \`${first}\`, expected each header once`)
  }
}

function checkTargets(route: Part, root: Part, used: Set<string>, problem: Report): void {
  const upstream = route.get('upstream')
  const names = upstream.text() === null ? upstream.keys() : [upstream.text()!]
  for (const name of names) {
    used.add(name)
    checkUpstreamName(name, upstream.isMapping ? upstream.get(name) : upstream, root, problem)
  }
  if (upstream.isMapping && upstream.children().every((weight) => weight.value === 0)) {
    problem(upstream.path, 'no upstream has a weight above 0, expected at least one')
  }
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

/** A listener ends requests on which nothing moves, waiting for a response included. */
function checkStreamTimeout(listener: Part, route: Part, warning: Report): void {
  const stream = listener.get('timeouts').get('stream')
  const silence = stream.exists ? stream.text() : '5m'
  const timeout = route.get('timeout')
  const [longest, wanted] = [parseDuration(silence ?? ''), parseDuration(timeout.text() ?? '')]
  if (longest === null || wanted === null || wanted <= longest) return
  warning(
    timeout.path,
    `never reached, because ${formatPath(stream.path)} ends a request on which nothing moves for ${silence}`,
  )
}

function checkTargetSize(limits: Part, warning: Report): void {
  const [uri, head] = [limits.get('uriBytes'), limits.get('headBytes')]
  const target = parseSize(uri.text() ?? '')
  const whole = parseSize(head.exists ? (head.text() ?? '') : '64KiB')
  if (target === null || whole === null || target < whole) return
  warning(uri.path, 'never reached, because headBytes is not larger, expected a smaller size')
}

/** Contradictions in upstreams. */
export function checkUpstreams(root: Part, problem: Report): void {
  for (const upstream of root.get('upstreams').children()) {
    checkEndpoints(upstream.get('endpoints'), problem)
    checkTls(upstream.get('tls'), problem)
    checkDetection(upstream, problem)
    checkOneOf(upstream.get('health'), ['http', 'grpc', 'tcp'], problem)
    if (upstream.get('health').has('grpc') && upstream.get('protocol').text() === 'http1') {
      problem(
        upstream.get('health').get('grpc').path,
        'gRPC needs HTTP/2 and protocol is `http1`, expected http or tcp',
      )
    }
  }
}

function checkEndpoints(endpoints: Part, problem: Report): void {
  const seen = new Map<string, Part>()
  for (const endpoint of endpoints.children()) {
    const part = endpoint.isMapping ? endpoint.get('address') : endpoint
    const address = parseAddress(part.text()?.toLowerCase() ?? '')
    if (address === null) continue
    const first = seen.get(address.text)
    if (first === undefined) seen.set(address.text, endpoint)
    else {
      const message = `${address.text} is ${formatPath(first.path)} already, expected each address once, with a weight if it gets more`
      problem(part.path, message)
    }
  }
}

function checkTls(tls: Part, problem: Report): void {
  if (!tls.isMapping) return
  const mode = tls.has('mode') ? tls.get('mode').text() : 'none'
  if (mode === 'mutual' && !tls.has('peer')) {
    problem(tls.get('peer').path, 'missing, expected the SPIFFE ID of the server, because mode is `mutual`')
  }
  if (mode !== 'none') return
  for (const key of ['peer', 'serverName', 'trustBundleFile']) {
    if (!tls.has(key)) continue
    const place = tls.has('mode') ? '' : ' by default'
    problem(
      tls.get(key).path,
      `has no effect, because mode is \`none\`${place}, expected mode: mutual or mode: server`,
    )
  }
}
