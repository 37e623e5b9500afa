import { createServer } from 'node:net'
import t from 'tap'
import { TcpProbe } from '../../../../proxy/balance/health-check/tcp-probe.ts'
import { at, check, listen, refusedPort } from './probing.ts'

t.test('an accepted connection passes and is closed again', async (t) => {
  const server = createServer()
  const gone = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      socket.resume()
      socket.on('close', () => resolve())
    })
  })
  const port = await listen(t, server)
  t.same(await check(new TcpProbe({}), at(port)), { ok: true, detail: 'connected' })
  await gone
})

t.test('a refused connection fails', async (t) => {
  const result = await check(new TcpProbe({}), at(await refusedPort()))
  t.same(result, { ok: false, detail: 'connection refused: nothing listens there' })
})

t.test('after cancel nothing is reported', async (t) => {
  const server = createServer()
  const port = await listen(t, server)
  let results = 0
  const run = new TcpProbe({}).run(at(port), () => {
    results += 1
  })
  t.equal(run.waitingFor(), 'no connection was established')
  run.cancel()
  await check(new TcpProbe({}), at(port))
  t.equal(results, 0)
})
