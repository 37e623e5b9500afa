import type * as GrpcModule from '@grpc/grpc-js'
import type * as LoaderModule from '@grpc/proto-loader'
import { ServiceError } from './process.ts'

export type Grpc = typeof GrpcModule

/** gRPC packages, and the way from a JSON descriptor to a service. */
export interface GrpcPackages {
  readonly grpc: Grpc
  /**
   * The service `name` (with its package, such as `example.Greeter`) of a descriptor. Field names stay as they are
   * written, unset fields get their default, enums are their names.
   */
  service(descriptor: object, name: string): GrpcModule.ServiceDefinition
}

/**
 * Loads the optional gRPC packages.
 * @throws ServiceError when they are not installed
 */
export async function loadGrpc(): Promise<GrpcPackages> {
  let grpc: Grpc
  let loader: typeof LoaderModule
  try {
    grpc = await import('@grpc/grpc-js')
    loader = await import('@grpc/proto-loader')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new ServiceError(
      'the gRPC services need two optional packages: npm install @grpc/grpc-js @grpc/proto-loader',
    )
  }
  return {
    grpc,
    service: (descriptor, name) => {
      const definitions = loader.fromJSON(descriptor, { keepCase: true, defaults: true, enums: String })
      const definition = definitions[name]
      if (definition === undefined) throw new ServiceError(`the descriptor has no service ${name}`)
      return definition as GrpcModule.ServiceDefinition
    },
  }
}
