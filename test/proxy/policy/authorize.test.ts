import t from 'tap'
import { parseSpiffeId } from '../../../certs/spiffe-id.ts'
import type { AuthorizeRule } from '../../../config/types.ts'
import { Head } from '../../../proxy/message/head.ts'
import { Authorization } from '../../../proxy/policy/authorize.ts'

const WEB = 'spiffe://mesh.local/ns/default/sa/web'
const OTHER = 'spiffe://mesh.local/ns/other/sa/web'

function rule(action: 'allow' | 'deny', parts: Partial<AuthorizeRule> = {}): AuthorizeRule {
  return { action, principals: null, methods: null, paths: null, ...parts }
}

function ask(rules: AuthorizeRule[], principal: string | null, method = 'GET', path = '/'): string {
  const id = principal === null ? null : parseSpiffeId(principal)
  return new Authorization(rules).refusal(id, Head.request(method, 'http', 'a', path))
}

t.test('without rules everybody may', async (t) => {
  t.equal(ask([], null), '')
  t.equal(ask([], WEB), '')
})

t.test('once there is a rule, what no allow rule names is denied', async (t) => {
  const rules = [rule('allow', { principals: [WEB] })]
  t.equal(ask(rules, WEB), '')
  t.equal(ask(rules, OTHER, 'PUT', '/x'), `no rule allows ${OTHER} PUT /x`)
  t.equal(ask(rules, null), 'no rule allows a caller without identity GET /')
  t.not(ask([rule('deny', { principals: [OTHER] })], WEB), '', 'a deny rule alone lets nobody in')
})

t.test('deny wins, whatever the order', async (t) => {
  const deny = rule('deny', { paths: ['/admin/*'] })
  for (const rules of [
    [rule('allow'), deny],
    [deny, rule('allow')],
  ]) {
    t.equal(ask(rules, WEB, 'GET', '/x'), '')
    t.equal(ask(rules, WEB, 'GET', '/admin/x'), `a rule denies ${WEB} GET /admin/x`)
  }
})

t.test('all conditions of a rule have to hold, one value of each', async (t) => {
  const rules = [rule('allow', { principals: [OTHER, WEB], methods: ['GET', 'POST'], paths: ['/a', '/b/*'] })]
  t.equal(ask(rules, WEB, 'GET', '/a'), '')
  t.equal(ask(rules, WEB, 'POST', '/b/c'), '')
  t.equal(ask(rules, WEB, 'GET', '/a?b=c'), '', 'a query is no part of the path')
  t.equal(ask(rules, WEB, 'POST', '/b/'), '')
  for (const [method, path] of [
    ['DELETE', '/a'],
    ['GET', '/aa'],
    ['GET', '/b'],
    ['GET', '/?/a'],
    ['get', '/a'],
  ] as const) {
    t.not(ask(rules, WEB, method, path), '', `${method} ${path}`)
  }
  t.not(ask(rules, null, 'GET', '/a'), '')
})

t.test('principals below a path, and any', async (t) => {
  const below = [rule('allow', { principals: ['spiffe://mesh.local/ns/default/*'] })]
  t.equal(ask(below, WEB), '')
  t.not(ask(below, OTHER), '')
  const any = [rule('allow', { principals: ['*'] })]
  t.equal(ask(any, OTHER), '')
  t.not(ask(any, null), '', 'any identity is not no identity')
})

t.test('a rule about a path cannot be passed by under another name for it', async (t) => {
  const rules = [rule('deny', { paths: ['/admin/*'] }), rule('allow')]
  const aliases = [
    '/public/../admin/x',
    '/./admin/x',
    '//admin/x',
    '/admin%2fx',
    '/%61dmin/x',
    '/a%5Fb',
    '/public/%2E%2e/admin/x',
    '/public/..',
    '/admin\\x',
    '/a/..;/admin/x',
    '/%252e%252e/admin/x',
    '/admin%00/x',
  ]
  for (const path of aliases) t.match(ask(rules, WEB, 'GET', path), 'can be read in two ways', path)
  for (const path of ['/a.b/c..d', '/..a/b', '/x?to=/../admin//', '/50%20/%C3%A4/%40']) {
    t.equal(ask(rules, WEB, 'GET', path), '', path)
  }
  t.equal(ask([rule('allow')], WEB, 'GET', '//x/../y'), '', 'no rule speaks of paths')
})
