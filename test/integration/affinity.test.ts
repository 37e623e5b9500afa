import t from 'tap'
import { createMesh } from '../support/mesh-folder.ts'
import { Http1Client } from '../support/peers/http1-client.ts'
import { startHttp1 } from '../support/peers/http1-upstream.ts'
import { Http2Client } from '../support/peers/http2-client.ts'
import { startHttp2 } from '../support/peers/http2-upstream.ts'
import { startSidecar } from '../support/sidecar.ts'

t.test('requests that belong together go to the same endpoint', async (t) => {
  const names = ['one', 'two', 'three', 'four']
  const upstreams = await Promise.all(
    names.map((name, i) => (i % 2 === 0 ? startHttp1({ name }) : startHttp2({ name }))),
  )
  t.teardown(() => Promise.all(upstreams.map((upstream) => upstream.close())))
  const [one, two, three, four] = upstreams.map(({ port }) => `"127.0.0.1:${port}"`)
  const sidecar = await startSidecar(t, {
    mesh: await createMesh(t),
    service: 'web',
    anonymous: true,
    config: `zone: here
listeners:
  - name: outbound
    address: 127.0.0.1:0
    routes:
      - { match: { authority: ring }, upstream: ring }
      - { match: { authority: maglev }, upstream: maglev }
      - { match: { authority: made }, upstream: made }
      - { match: { authority: sticky }, upstream: sticky }
      - { match: { authority: split }, upstream: { odd: 1, even: 1 }, sticky: { cookie: SPLIT, ttl: 0s } }
      - { match: { authority: v2 }, upstream: labelled, subset: { version: v2 } }
      - { match: { authority: v3 }, upstream: labelled, subset: { version: v3 } }
      - { match: { authority: v3-or-any }, upstream: labelled, subset: { version: v3 }, subsetFallback: any }
      - { match: { authority: zoned }, upstream: zoned }
      - { match: { authority: ewma }, upstream: ewma }
upstreams:
  ring:
    protocol: http1
    endpoints: [${one}, ${three}]
    balance: { policy: ring-hash, hash: [{ header: x-user }], boundedLoad: 150% }
  maglev:
    protocol: h2
    endpoints: [${two}, ${four}]
    balance: { policy: maglev, hash: [{ header: x-user }, { path: true }] }
  made:
    protocol: http1
    endpoints: [${one}, ${three}]
    balance: { policy: maglev, hash: [{ cookie: key, ttl: 1h }] }
  sticky:
    protocol: http1
    endpoints: [${one}, ${three}]
    sticky: { cookie: SID }
  odd: { protocol: http1, endpoints: [${one}, ${three}] }
  even: { protocol: h2, endpoints: [${two}, ${four}] }
  labelled:
    protocol: http1
    endpoints:
      - { address: ${one}, labels: { version: v1 } }
      - { address: ${three}, labels: { version: v2 } }
  zoned:
    protocol: http1
    endpoints: [{ address: ${one}, zone: there }, { address: ${three}, zone: here }]
  ewma: { protocol: h2, endpoints: [${two}, ${four}], balance: ewma, slowStart: {} }`,
  })
  const port = sidecar.port('outbound')
  const clients = [new Http1Client({ port, connections: 4 }), new Http2Client({ port })]
  t.teardown(() => {
    for (const client of clients) client.close()
  })

  /** Who answers, and with which cookie. */
  const ask = async (
    client: Http1Client | Http2Client,
    authority: string,
    headers: Record<string, string> = {},
    path = '/status/200',
  ) => {
    const reply = await client.request({ authority, path, headers })
    const cookie = reply.headers['set-cookie'] ?? ''
    return {
      status: reply.status,
      instance: reply.headers['x-instance'] ?? '',
      cookie,
      pair: cookie.split(';')[0] as string,
      body: reply.body.toString(),
    }
  }

  for (const client of clients) {
    const protocol = client instanceof Http1Client ? 'HTTP/1.1' : 'HTTP/2'

    await t.test(`${protocol}: by a header`, async (t) => {
      for (const authority of ['ring', 'maglev']) {
        const homes = new Map<string, string>()
        for (let i = 0; i < 48; i++) {
          const user = `user-${i % 16}`
          const { instance, cookie } = await ask(client, authority, { 'x-user': user })
          t.equal(homes.get(user) ?? instance, instance, `${user} of ${authority}`)
          t.equal(cookie, '')
          homes.set(user, instance)
        }
        t.equal(new Set(homes.values()).size, 2, `${authority}: both endpoints have users`)
      }
    })

    await t.test(`${protocol}: by a cookie that the sidecar makes`, async (t) => {
      const first = await ask(client, 'made')
      t.match(first.cookie, /^key=[\w-]{16}; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/)
      for (let i = 0; i < 10; i++) {
        const { instance, cookie } = await ask(client, 'made', { cookie: `a=b; ${first.pair}` })
        t.equal(instance, first.instance)
        t.equal(cookie, '')
      }
    })

    await t.test(`${protocol}: by a session, with one upstream and with two`, async (t) => {
      for (const [authority, attributes] of [
        ['sticky', 'SID=[\\w-]{16}; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax'],
        ['split', 'SPLIT=[\\w-]{16}; Path=/; HttpOnly; SameSite=Lax'],
      ] as const) {
        const seen = new Set<string>()
        for (let i = 0; i < 12; i++) {
          const first = await ask(client, authority)
          t.match(first.cookie, new RegExp(`^${attributes}$`))
          seen.add(first.instance)
          for (let j = 0; j < 3; j++) {
            const next = await ask(client, authority, { cookie: first.pair })
            t.same([next.instance, next.cookie], [first.instance, ''])
          }
        }
        t.ok(seen.size > 1, `sessions of ${authority} spread`)
      }
    })

    await t.test(`${protocol}: by labels, and by zone`, async (t) => {
      for (let i = 0; i < 8; i++) {
        t.equal((await ask(client, 'v2')).instance, 'three')
        t.equal((await ask(client, 'zoned')).instance, 'three')
        t.equal((await ask(client, 'ewma')).status, 200)
      }
      const none = await ask(client, 'v3')
      t.equal(none.status, 503)
      t.match(none.body, /no endpoint of the upstream is healthy: labelled with version=v3/)
      const seen = new Set<string>()
      for (let i = 0; i < 24; i++) seen.add((await ask(client, 'v3-or-any')).instance)
      t.same([...seen].sort(), ['one', 'three'])
    })
  }

  await t.test('a session whose endpoint is gone goes on at another, with a new cookie', async (t) => {
    const [client] = clients as [Http1Client, Http2Client]
    let first = await ask(client, 'sticky')
    while (first.instance !== 'three') first = await ask(client, 'sticky')
    await upstreams[2]?.close()
    const second = await ask(client, 'sticky', { cookie: first.pair })
    t.same([second.status, second.instance], [200, 'one'])
    t.match(second.pair, /^SID=/)
    t.not(second.pair, first.pair)
    const third = await ask(client, 'sticky', { cookie: second.pair })
    t.same([third.instance, third.cookie], ['one', ''])
  })

  for (const client of clients) client.close()
  await sidecar.stop(t)
})
