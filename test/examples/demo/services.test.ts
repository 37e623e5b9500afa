import { fileURLToPath } from 'node:url'
import * as grpc from '@grpc/grpc-js'
import { fromJSON, loadSync } from '@grpc/proto-loader'
import t from 'tap'
import { GREETER_DESCRIPTOR, HEALTH_DESCRIPTOR } from '../../../examples/demo/services/descriptors.ts'
import { startGreeter } from '../../../examples/demo/services/greeter.ts'
import { startOrders } from '../../../examples/demo/services/orders.ts'
import { runTypeScript } from '../../support/peers/child.ts'
import { Http1Client } from '../../support/peers/http1-client.ts'

const demo = new URL('../../../examples/demo/', import.meta.url)
const options = { keepCase: true, defaults: true, enums: String } as const
const service = (file: string) => fileURLToPath(new URL(`services/${file}`, demo))

type ServiceClient = InstanceType<ReturnType<typeof grpc.makeGenericClientConstructor>>

function client(port: number, descriptor: object, name: string): ServiceClient {
  const definition = fromJSON(descriptor, options)[name] as grpc.ServiceDefinition
  const Client = grpc.makeGenericClientConstructor(definition, name)
  return new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  })
}

t.test('the embedded descriptors are those of the .proto files', async (t) => {
  for (const [file, descriptor] of [
    ['proto/greeter.proto', GREETER_DESCRIPTOR],
    ['proto/health.proto', HEALTH_DESCRIPTOR],
  ] as const) {
    const loaded = loadSync(fileURLToPath(new URL(file, demo)), options)
    const embedded = fromJSON(descriptor, options)
    t.same(shape(embedded), shape(loaded), file)
  }
})

/** What makes two package definitions the same: names, kinds of calls and types with their fields. */
function shape(definitions: ReturnType<typeof fromJSON>): unknown {
  return JSON.parse(
    JSON.stringify(definitions, (key, value) => (key === 'fileDescriptorProtos' ? undefined : value)),
  )
}

t.test('the Greeter greets and tells its health', async (t) => {
  const greeter = await startGreeter({ port: 0, name: 'greeter-1' })
  const greeting = client(greeter.port, GREETER_DESCRIPTOR, 'example.Greeter')
  const health = client(greeter.port, HEALTH_DESCRIPTOR, 'grpc.health.v1.Health')
  t.teardown(async () => {
    greeting.close()
    health.close()
    await greeter.close()
  })

  const call = (on: ServiceClient, method: string, request: object) =>
    new Promise<{ reply?: object; code?: number; instance?: grpc.MetadataValue[] }>((resolve) => {
      let instance: grpc.MetadataValue[] = []
      on[method]!(request, (error: grpc.ServiceError | null, reply: object) =>
        resolve(error === null ? { reply, instance } : { code: error.code }),
      ).on('metadata', (metadata: grpc.Metadata) => {
        instance = metadata.get('x-instance')
      })
    })
  t.same(await call(greeting, 'SayHello', { name: 'Ada' }), {
    reply: { message: 'Hello, Ada.' },
    instance: ['greeter-1'],
  })
  t.match(await call(health, 'Check', { service: 'example.Greeter' }), { reply: { status: 'SERVING' } })
  t.match(await call(health, 'Check', {}), { reply: { status: 'SERVING' } })
  t.match(await call(health, 'Check', { service: 'nothing' }), { code: grpc.status.NOT_FOUND })

  const statuses: string[] = []
  const watch = health['Watch']!({ service: 'example.Greeter' }) as grpc.ClientReadableStream<{
    status: string
  }>
  const ended = new Promise((resolve) => watch.on('end', resolve))
  await new Promise<void>((resolve) => {
    watch.on('data', ({ status }) => {
      statuses.push(status)
      resolve()
    })
  })
  await greeter.close()
  await ended
  t.same(statuses, ['SERVING', 'NOT_SERVING'])
})

t.test('the orders service', async (t) => {
  const orders = await startOrders({ port: 0, name: 'orders-1' })
  const http = new Http1Client({ port: orders.port })
  t.teardown(async () => {
    http.close()
    await orders.close()
  })
  const ask = async (method: string, path: string, body?: string) => {
    const reply = await http.request({ method, path, ...(body === undefined ? {} : { body }) })
    t.equal(reply.headers['x-instance'], 'orders-1')
    t.equal(reply.headers['content-type'], 'application/json')
    return { ...reply, value: JSON.parse(String(reply.body)) }
  }
  t.match(await ask('GET', '/healthz'), { status: 200, value: { status: 'ok' } })
  const created = await ask('POST', '/api/orders', '{"item":"tea","quantity":3}')
  t.match(created, { status: 201, value: { item: 'tea', quantity: 3 } })
  const location = created.headers['location'] ?? ''
  t.match(await ask('GET', location), { status: 200, value: created.value })
  const list = await ask('GET', '/api/orders')
  t.ok(list.value.orders.some(({ id }: { id: string }) => id === created.value.id))
  for (const [method, path, body, status] of [
    ['GET', '/api/orders/none', undefined, 404],
    ['GET', '/elsewhere', undefined, 404],
    ['DELETE', '/api/orders', undefined, 405],
    ['POST', '/api/orders', '{"item"', 400],
    ['POST', '/api/orders', '[]', 400],
    ['POST', '/api/orders', '{"item":"","quantity":1}', 400],
    ['POST', '/api/orders', '{"item":"tea","quantity":0.5}', 400],
    ['POST', '/api/orders', ' '.repeat(70_000), 413],
  ] as const) {
    const reply = await ask(method, path, body)
    t.equal(reply.status, status, `${method} ${path} ${body?.slice(0, 40)}`)
    t.type(reply.value.error, 'string')
  }
})

for (const file of ['greeter.ts', 'orders.ts']) {
  t.test(`${file} as a process of its own`, async (t) => {
    const child = runTypeScript(service(file), ['--port', '0', '--name', 'one'])
    t.teardown(() => child.stop('SIGKILL'))
    const [line] = await child.line(/^\{"port":\d+\}$/m)
    t.equal(child.stdout, `${line}\n`)
    t.equal(await child.stop(), 0, child.stderr)
  })

  t.test(`${file} says what is wrong with its arguments`, async (t) => {
    const child = runTypeScript(service(file), ['--port', '99999'])
    t.equal(await child.exited(), 2)
    t.equal(child.stderr, 'error: --port: expected a port from 0 to 65535, got "99999"\n')
  })
}
