import { GreeterClient } from './greeter-client.ts'
import { OrdersClient } from './orders-client.ts'
import type { ServiceName } from './plan.ts'
import type { GrpcPackages } from './services/grpc.ts'
import { Traffic } from './traffic.ts'

/** The application that the sidecar "web" rides beside: it calls both services. */
export class Callers {
  readonly greeter: GreeterClient
  readonly orders: OrdersClient

  /** @param port the outbound listener of the sidecar */
  constructor(packages: GrpcPackages, port: number) {
    this.greeter = new GreeterClient(packages, port)
    this.orders = new OrdersClient(port)
  }

  /**
   * Calls of one service. Orders are read, and every `addEvery`-th call makes one: it is not repeated when its
   * instance dies under it, as nobody can know whether the order was taken.
   */
  traffic(service: ServiceName, addEvery = Number.POSITIVE_INFINITY): Traffic {
    if (service === 'greeter') return new Traffic(service, (nth) => this.greeter.hello(`caller ${nth}`))
    const { orders } = this
    return new Traffic(service, (nth) =>
      (nth + 1) % addEvery === 0 ? orders.add('espresso', 1) : orders.read(),
    )
  }

  close(): void {
    this.greeter.close()
    this.orders.close()
  }
}
