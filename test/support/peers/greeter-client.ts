import * as grpc from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import { GREETER_DESCRIPTOR } from '../../../examples/demo/services/descriptors.ts'

const SAY_HELLO = (fromJSON(GREETER_DESCRIPTOR)['example.Greeter'] as grpc.ServiceDefinition)[
  'SayHello'
] as grpc.MethodDefinition<object, object>

/** A client of the demo's Greeter with a connection of its own. */
export class GreeterClient {
  readonly #client: grpc.Client

  /** `address` is `host:port`. */
  constructor(address: string, authority: string) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.default_authority': authority,
    })
  }

  /** The name of the instance that greeted. Rejects with a grpc.ServiceError. */
  greet(): Promise<string> {
    return new Promise((resolve, reject) => {
      let instance = ''
      this.#client
        .makeUnaryRequest(
          SAY_HELLO.path,
          SAY_HELLO.requestSerialize,
          SAY_HELLO.responseDeserialize,
          { name: 'Ada' },
          { deadline: Date.now() + 15_000 },
          (error) => (error === null ? resolve(instance) : reject(error)),
        )
        .on('metadata', (metadata: grpc.Metadata) => {
          instance = String(metadata.get('x-instance')[0])
        })
    })
  }

  close(): void {
    this.#client.close()
  }
}
