import type { ChannelCredentials, Metadata, ServiceError } from '@grpc/grpc-js'
import { GREETER_DESCRIPTOR } from './services/descriptors.ts'
import type { GrpcPackages } from './services/grpc.ts'
import type { Answer } from './traffic.ts'

/** Longest time for one call, in milliseconds. */
const TIMEOUT = 6000

type Client = InstanceType<ReturnType<GrpcPackages['grpc']['makeGenericClientConstructor']>>

/** Calls the Greeter over gRPC. */
export class GreeterClient {
  readonly #client: Client

  /**
   * @param port of 127.0.0.1: a sidecar
   * @param credentials plain text without
   */
  constructor({ grpc, service }: GrpcPackages, port: number, credentials?: ChannelCredentials) {
    const Greeter = grpc.makeGenericClientConstructor(
      service(GREETER_DESCRIPTOR, 'example.Greeter'),
      'Greeter',
    )
    this.#client = new Greeter(`127.0.0.1:${port}`, credentials ?? grpc.credentials.createInsecure(), {
      'grpc.default_authority': 'greeter.mesh',
      // A second client must not come by way of the connections of the first.
      'grpc.use_local_subchannel_pool': 1,
      // What the sidecars do not mend is to be seen.
      'grpc.enable_retries': 0,
    })
  }

  /** Rejects with grpc-js's error, which has the status as `code`. */
  hello(name: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let instance = 'unknown'
      const done = (error: ServiceError | null, reply: { message: string }) => {
        if (error !== null) reject(error)
        else resolve({ instance, text: reply.message })
      }
      const options = { deadline: Date.now() + TIMEOUT }
      const call = this.#client['SayHello']?.({ name }, options, done)
      call?.on('metadata', (metadata: Metadata) => {
        instance = String(metadata.get('x-instance')[0] ?? instance)
      })
    })
  }

  close(): void {
    this.#client.close()
  }
}
