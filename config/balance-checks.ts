import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { checkOneOf, type Report, whyUnreadable } from './cross-checks.ts'
import type { Part } from './part.ts'
import { listWords } from './problems.ts'

/** Options that only some policies know. */
const owners: Readonly<Record<string, readonly string[]>> = {
  choices: ['least-request'],
  bias: ['least-request'],
  decay: ['ewma'],
  failurePenalty: ['ewma'],
  hash: ['ring-hash', 'maglev'],
  boundedLoad: ['ring-hash', 'maglev'],
  minRingSize: ['ring-hash'],
  maxRingSize: ['ring-hash'],
}
const policies = ['round-robin', 'weighted', 'random', 'least-request', 'ewma', 'ring-hash', 'maglev']

/** Contradictions in how endpoints are picked. */
export function checkBalance(root: Part, baseDir: string, problem: Report, warning: Report): void {
  for (const upstream of root.get('upstreams').children()) {
    const balance = upstream.get('balance')
    const policy = policyOf(balance)
    checkOptions(balance, policy, problem)
    checkHash(balance, policy, problem, warning)
    checkSizes(balance, problem)
    if (upstream.has('slowStart') && isHash(policy)) {
      const why = `because \`${policy}\` sends each key to its own endpoint`
      problem(
        upstream.get('slowStart').path,
        `has no effect, ${why}, expected another policy, or no such key`,
      )
    }
    checkKeyFile(upstream.get('sticky'), baseDir, problem, warning)
  }
  for (const listener of root.get('listeners').children()) {
    for (const route of listener.get('routes').children()) {
      checkKeyFile(route.get('sticky'), baseDir, problem, warning)
      checkSubset(route, root, problem, warning)
    }
  }
}

/** The policy, empty when what is written there is none. */
function policyOf(balance: Part): string {
  const written = balance.isMapping ? balance.get('policy') : balance
  const policy = written.exists ? written.text() : 'least-request'
  return policy !== null && policies.includes(policy) ? policy : ''
}

function isHash(policy: string): boolean {
  return policy === 'ring-hash' || policy === 'maglev'
}

function checkOptions(balance: Part, policy: string, problem: Report): void {
  if (policy === '') return
  for (const key of balance.keys()) {
    const known = Object.hasOwn(owners, key) ? owners[key]! : null
    if (known === null || known.includes(policy)) continue
    const place = balance.has('policy') ? '' : ' by default'
    problem(
      balance.get(key).path,
      `has no effect, because policy is \`${policy}\`${place}, expected policy: ${listWords(known)}`,
    )
  }
}

function checkHash(balance: Part, policy: string, problem: Report, warning: Report): void {
  if (isHash(policy) && !balance.has('hash')) {
    const expected = 'expected the key `hash` beside policy'
    warning(balance.path, `nothing is hashed, so that every request goes to a random endpoint, ${expected}`)
  }
  let last: Part | null = null
  for (const key of balance.get('hash').children()) {
    checkOneOf(key, ['header', 'cookie', 'path', 'source'], problem)
    if (key.has('ttl') && !key.has('cookie')) {
      problem(key.get('ttl').path, 'given without `cookie`, expected the name of a cookie beside it')
    }
    if (last !== null) {
      const why = last.has('cookie') ? 'is given to those who lack it' : 'is never missing'
      warning(key.path, `never reached, because the key before it ${why}`)
    } else if (key.has('path') || key.has('source') || key.has('ttl')) last = key
  }
}

function checkSizes(balance: Part, problem: Report): void {
  const [least, most] = [balance.get('minRingSize'), balance.get('maxRingSize')]
  const from = least.exists ? least.value : 1024
  const to = most.exists ? most.value : 262_144
  if (typeof from !== 'number' || typeof to !== 'number' || from <= to) return
  const [at, other] = most.exists ? [most, `minRingSize (${from})`] : [least, `maxRingSize (${to})`]
  problem(at.path, `${at.value} ${most.exists ? 'is less than' : 'is more than'} ${other}, expected a range`)
}

function checkKeyFile(sticky: Part, baseDir: string, problem: Report, warning: Report): void {
  const part = sticky.get('keyFile')
  const written = part.text()
  if (written === null || written === '' || written.includes('\0')) return
  const file = resolve(baseDir, written)
  const wrong = whyUnreadable(file)
  if (wrong !== null) problem(part.path, `${file}: ${wrong}, expected a file that can be read`)
  else if (statSync(file).size === 0)
    problem(part.path, `${file}: it is empty, expected a secret of some length`)
  else if ((statSync(file).mode & 0o007) !== 0) {
    warning(part.path, `${file}: every user of the machine may read the secret, expected mode 0600`)
  }
}

function checkSubset(route: Part, root: Part, problem: Report, warning: Report): void {
  const subset = route.get('subset')
  const fallback = route.get('subsetFallback')
  if (fallback.exists && !subset.exists) {
    problem(fallback.path, 'given without `subset`, expected labels such as subset: { version: v2 }')
  }
  if (!subset.isMapping) return
  if (subset.keys().length === 0)
    problem(subset.path, 'no label in it, expected at least one, or no such key')
  const upstream = route.get('upstream')
  for (const name of upstream.text() === null ? upstream.keys() : [upstream.text()!]) {
    const endpoints = root.get('upstreams').get(name).get('endpoints').children()
    if (endpoints.length === 0 || endpoints.some((endpoint) => hasLabels(endpoint, subset))) continue
    warning(subset.path, `no endpoint of \`${name}\` has these labels`)
  }
}

function hasLabels(endpoint: Part, subset: Part): boolean {
  return subset.keys().every((name) => endpoint.get('labels').get(name).value === subset.get(name).value)
}
