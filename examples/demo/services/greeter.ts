import type { Server, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js'
import { GREETER_DESCRIPTOR } from './descriptors.ts'
import { type Grpc, loadGrpc } from './grpc.ts'
import { HealthService } from './health.ts'
import { CLOSE_GRACE, runAsProcess, type Service, ServiceError, type ServiceOptions } from './process.ts'

interface HelloRequest {
  name: string
}

interface HelloReply {
  message: string
}

/**
 * Starts the gRPC Greeter with its health service, in plain text.
 * @throws ServiceError when the gRPC packages are missing or the port is taken
 */
export async function startGreeter({ port, name, host = '127.0.0.1' }: ServiceOptions): Promise<Service> {
  const packages = await loadGrpc()
  const { grpc } = packages
  const server = new grpc.Server()
  server.addService(packages.service(GREETER_DESCRIPTOR, 'example.Greeter'), {
    SayHello: (call: ServerUnaryCall<HelloRequest, HelloReply>, reply: sendUnaryData<HelloReply>) => {
      const metadata = new grpc.Metadata()
      metadata.set('x-instance', name)
      call.sendMetadata(metadata)
      reply(null, { message: `Hello, ${call.request.name}.` })
    },
  })
  const health = new HealthService(server, packages, ['example.Greeter'])
  const bound = await bind(grpc, server, `${host}:${port}`)
  return {
    port: bound,
    close: () => {
      health.shutdown()
      return shutdown(server)
    },
  }
}

function bind(grpc: Grpc, server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port)
      else reject(new ServiceError(`cannot listen on ${address}: ${error.message}`))
    })
  })
}

/** Stops accepting, waits for the calls under way, and cuts off those that take longer than the grace. */
function shutdown(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), CLOSE_GRACE)
    server.tryShutdown(() => {
      clearTimeout(force)
      resolve()
    })
  })
}

runAsProcess(import.meta.url, 'greeter', startGreeter)
