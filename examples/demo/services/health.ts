import type { Server, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js'
import { HEALTH_DESCRIPTOR } from './descriptors.ts'
import type { GrpcPackages } from './grpc.ts'

export type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN'

interface HealthCheckRequest {
  service: string
}

interface HealthCheckResponse {
  status: ServingStatus
}

type Watcher = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>

/**
 * The gRPC health service (grpc.health.v1): `Check` answers with the status of now, `Watch` streams every change. The
 * empty service name stands for the server as a whole.
 */
export class HealthService {
  readonly #statuses = new Map<string, ServingStatus>()
  readonly #watchers = new Set<Watcher>()
  readonly #notFound: number

  /** Adds the service to `server`; `services` and "" are SERVING from the start. */
  constructor(server: Server, { grpc, service }: GrpcPackages, services: readonly string[]) {
    this.#notFound = grpc.status.NOT_FOUND
    for (const name of ['', ...services]) this.#statuses.set(name, 'SERVING')
    server.addService(service(HEALTH_DESCRIPTOR, 'grpc.health.v1.Health'), {
      Check: (call: ServerUnaryCall<HealthCheckRequest, HealthCheckResponse>, reply: sendUnaryData<object>) =>
        this.#check(call.request.service, reply),
      Watch: (call: Watcher) => this.#watch(call),
    })
  }

  /** Changes the status of one service and tells its watchers. */
  set(name: string, status: ServingStatus): void {
    if (this.#statuses.get(name) === status) return
    this.#statuses.set(name, status)
    for (const watcher of this.#watchers) {
      if (watcher.request.service === name) watcher.write({ status })
    }
  }

  /** Everything is NOT_SERVING from now on, and no watcher keeps the server from stopping. */
  shutdown(): void {
    for (const name of this.#statuses.keys()) this.set(name, 'NOT_SERVING')
    for (const watcher of this.#watchers) watcher.end()
    this.#watchers.clear()
  }

  #check(name: string, reply: sendUnaryData<object>): void {
    const status = this.#statuses.get(name)
    if (status !== undefined) reply(null, { status })
    else reply({ code: this.#notFound, details: `unknown service "${name}"` })
  }

  #watch(call: Watcher): void {
    this.#watchers.add(call)
    call.on('cancelled', () => this.#watchers.delete(call))
    call.on('error', () => this.#watchers.delete(call))
    call.write({ status: this.#statuses.get(call.request.service) ?? 'SERVICE_UNKNOWN' })
  }
}
