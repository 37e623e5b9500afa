import t from 'tap'
import { parseSpiffeId } from '../../../certs/spiffe-id.ts'
import type { AuthorizeRule } from '../../../config/types/listener.ts'
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
  const rules = [rule('deny', { paths: ['/admin/*', '/a/b'] }), rule('allow')]
  const aliases: [string, string][] = [
    ['/admin;x/y', '/admin/y'],
    ['/admin;/y', '/admin/y'],
    ['/admin%3Bx/y', '/admin/y'],
    ['/;/admin/x', '/admin/x'],
    ['//admin/x', '/admin/x'],
    ['/admin%2Fx', '/admin/x'],
    ['/a%2Fb;x', '/a/b'],
    ['/a;x%2Fb', '/a/b'],
    ['/%2Fa//b', '/a/b'],
  ]
  for (const [path, reading] of aliases) {
    const refusal = ask(rules, WEB, 'GET', path)
    t.equal(refusal, `a rule denies ${WEB} GET ${path}, which can be read as ${reading}`, path)
  }
  for (const path of ['/%252e%252e/admin/x', '/%2561dmin/x', '/admin%252Fx'])
    t.equal(ask(rules, WEB, 'GET', path), `the path of ${WEB} GET ${path} is escaped twice`)
  for (const path of [
    '/a.b/c..d',
    '/..a/b',
    '/x?to=/../admin//;%2F',
    '/50%20/%C3%A4/%40',
    '/100%25',
    '/x;y=1/z',
  ]) {
    t.equal(ask(rules, WEB, 'GET', path), '', path)
  }
  t.equal(ask([rule('allow')], WEB, 'GET', '//x;y%2F%2561'), '', 'no rule speaks of paths')
})

t.test('what is allowed has to be allowed whatever it is read as', async (t) => {
  const rules = [rule('allow', { paths: ['/orders/*', '/projects/a%2Fb', '/projects/a/b', '/public'] })]
  for (const path of ['/orders/5;v=1', '/orders/;x', '/orders/a%2Fb', '/projects/a%2Fb'])
    t.equal(ask(rules, WEB, 'GET', path), '', path)
  t.equal(ask(rules, WEB, 'GET', '/orders;v=1/5'), denied('/orders;v=1/5'))
  t.equal(ask(rules, WEB, 'GET', '/public;x'), denied('/public;x'), 'it is not what the rule names')
  const exact = [rule('allow', { paths: ['/projects/a%2Fb'] })]
  t.equal(
    ask(exact, WEB, 'GET', '/projects/a%2Fb'),
    `${denied('/projects/a%2Fb')}, which can be read as /projects/a/b`,
  )
})

function denied(path: string): string {
  return `no rule allows ${WEB} GET ${path}`
}
