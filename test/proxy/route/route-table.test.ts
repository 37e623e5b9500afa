import t from 'tap'
import type { MatchConfig } from '../../../config/types/route.ts'
import { Fields } from '../../../proxy/message/fields.ts'
import { Head } from '../../../proxy/message/head.ts'
import { RouteTable } from '../../../proxy/route/route-table.ts'

const ANY: MatchConfig = { authority: null, path: null, prefix: null, grpc: null, methods: null, headers: [] }

interface Request {
  readonly method?: string
  readonly scheme?: string
  readonly authority?: string
  readonly path?: string
  readonly fields?: Record<string, string>
}

function head(request: Request): Head {
  const { method = 'GET', scheme = 'http', authority = 'shop.mesh', path = '/', fields = {} } = request
  return Head.request(method, scheme, authority, path, Fields.of(fields))
}

const GRPC = { 'content-type': 'application/grpc' }

const table: { match: Partial<MatchConfig>; yes: Request[]; no: Request[] }[] = [
  { match: {}, yes: [{}, { authority: '', path: '*', method: 'OPTIONS' }], no: [] },
  {
    match: { authority: 'shop.mesh' },
    yes: [{ authority: 'shop.mesh' }, { authority: 'SHOP.Mesh' }, { authority: 'shop.mesh:8080' }],
    no: [
      { authority: 'a.shop.mesh' },
      { authority: 'shop.mesh.evil' },
      { authority: '' },
      { authority: 'shop' },
    ],
  },
  {
    match: { authority: 'shop.mesh:8080' },
    yes: [{ authority: 'shop.mesh:8080' }, { authority: 'Shop.Mesh:8080' }],
    no: [{ authority: 'shop.mesh' }, { authority: 'shop.mesh:80' }, { authority: 'shop.mesh:80800' }],
  },
  {
    match: { authority: '*.mesh' },
    yes: [{ authority: 'a.mesh' }, { authority: 'A.B.MESH:1' }],
    no: [{ authority: 'mesh' }, { authority: '.mesh' }, { authority: 'amesh' }, { authority: 'a.mesh.b' }],
  },
  {
    match: { authority: '[::1]' },
    yes: [{ authority: '[::1]' }, { authority: '[::1]:80' }],
    no: [{ authority: '[::2]' }],
  },
  {
    match: { authority: '[::1]:8080' },
    yes: [{ authority: '[::1]:8080' }],
    no: [{ authority: '[::1]' }, { authority: '[::1]:80' }, { authority: '[0:0:0:0:0:0:0:1]:8080' }],
  },
  // A final dot, the case of letters and the port that the scheme stands for make no difference.
  {
    match: { authority: 'shop.mesh' },
    yes: [{ authority: 'Shop.Mesh.' }, { authority: 'shop.mesh.:8080' }, { authority: 'shop.mesh:' }],
    no: [{ authority: 'shop.mesh..' }],
  },
  {
    match: { authority: 'shop.mesh:80' },
    yes: [{ authority: 'shop.mesh' }, { authority: 'shop.mesh:' }, { authority: 'shop.mesh.:080' }],
    no: [{ authority: 'shop.mesh:8080' }, { authority: 'shop.mesh', scheme: 'https' }],
  },
  {
    match: { authority: 'shop.mesh:443' },
    yes: [{ authority: 'shop.mesh', scheme: 'https' }, { authority: 'shop.mesh:443' }],
    no: [{ authority: 'shop.mesh' }],
  },
  { match: { authority: '*.mesh' }, yes: [{ authority: 'A.Mesh.:1' }], no: [{ authority: 'mesh.' }] },
  {
    match: { path: '/a/b' },
    yes: [{ path: '/a/b' }, { path: '/a/b?c=d' }],
    no: [{ path: '/a/b/' }, { path: '/a/bc' }, { path: '/A/b' }, { path: '/a' }],
  },
  ...['/api', '/api/'].map((prefix) => ({
    match: { prefix },
    yes: [{ path: '/api' }, { path: '/api/' }, { path: '/api/x/y' }, { path: '/api?x' }],
    no: [{ path: '/apix' }, { path: '/' }, { path: '/x/api' }, { path: '/?/api' }],
  })),
  { match: { prefix: '/' }, yes: [{ path: '/' }, { path: '/x' }], no: [{ path: '*' }] },
  {
    match: { grpc: { service: 'shop.Orders', method: 'Place' } },
    yes: [{ path: '/shop.Orders/Place', fields: GRPC }],
    no: [
      { path: '/shop.Orders/Place' },
      { path: '/shop.Orders/Placed', fields: GRPC },
      { path: '/shop.Orders', fields: GRPC },
    ],
  },
  {
    match: { grpc: { service: 'shop.Orders', method: null } },
    yes: [
      { path: '/shop.Orders/Place', fields: GRPC },
      { path: '/shop.Orders/Cancel', fields: { 'content-type': 'application/grpc+proto' } },
    ],
    no: [{ path: '/shop.OrdersX/Place', fields: GRPC }, { path: '/shop.Orders/Place' }],
  },
  {
    match: { methods: ['GET', 'HEAD'] },
    yes: [{}, { method: 'HEAD' }],
    no: [{ method: 'POST' }, { method: 'get' }],
  },
  {
    match: { headers: [{ name: 'x-a', kind: 'present', value: '' }] },
    yes: [{ fields: { 'x-a': '' } }],
    no: [{}, { fields: { 'x-b': '' } }],
  },
  {
    match: { headers: [{ name: 'x-a', kind: 'absent', value: '' }] },
    yes: [{}],
    no: [{ fields: { 'x-a': '' } }],
  },
  {
    match: { headers: [{ name: 'x-a', kind: 'exact', value: 'b' }] },
    yes: [{ fields: { 'x-a': 'b' } }],
    no: [{}, { fields: { 'x-a': 'B' } }, { fields: { 'x-a': 'bc' } }],
  },
  {
    match: { headers: [{ name: 'x-a', kind: 'prefix', value: 'b' }] },
    yes: [{ fields: { 'x-a': 'b' } }, { fields: { 'x-a': 'bc' } }],
    no: [{}, { fields: { 'x-a': 'cb' } }],
  },
  {
    match: {
      authority: '*.mesh',
      prefix: '/api',
      methods: ['GET'],
      headers: [{ name: 'x-a', kind: 'present', value: '' }],
    },
    yes: [{ path: '/api', fields: { 'x-a': '1' } }],
    no: [
      { path: '/api' },
      { path: '/x', fields: { 'x-a': '1' } },
      { path: '/api', fields: { 'x-a': '1' }, method: 'PUT' },
      { path: '/api', fields: { 'x-a': '1' }, authority: 'a.other' },
    ],
  },
]

t.test('what each condition takes', async (t) => {
  for (const { match, yes, no } of table) {
    const routes = new RouteTable([{ match: { ...ANY, ...match }, target: 'it' }])
    for (const request of yes)
      t.equal(routes.find(head(request)), 'it', `${say(match)} takes ${say(request)}`)
    for (const request of no)
      t.equal(routes.find(head(request)), null, `${say(match)} passes over ${say(request)}`)
  }
})

function say(value: unknown): string {
  return JSON.stringify(value)
}

t.test('several values of a field are judged together', async (t) => {
  const exact: MatchConfig = { ...ANY, headers: [{ name: 'x-a', kind: 'exact', value: 'b' }] }
  const routes = new RouteTable([{ match: exact, target: 'it' }])
  const twice = Head.request('GET', 'http', 'a', '/', new Fields(['x-a', 'x-a'], ['b', 'c']))
  t.equal(routes.find(twice), null)
})

t.test('the first route that matches wins', async (t) => {
  const routes = new RouteTable([
    { match: { ...ANY, prefix: '/a' }, target: 1 },
    { match: { ...ANY, prefix: '/a/b' }, target: 2 },
    { match: ANY, target: 3 },
  ])
  t.equal(routes.find(head({ path: '/a/b' })), 1)
  t.equal(routes.find(head({ path: '/b' })), 3)
  t.equal(new RouteTable([]).find(head({})), null)
})
