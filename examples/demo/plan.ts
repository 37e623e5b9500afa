import { join } from 'node:path'
import { findFreePorts } from './free-port.ts'

export const TRUST_DOMAIN = 'mesh.local'

export type ServiceName = 'greeter' | 'orders'

/** One instance of a service with the sidecar beside it, as in a pod. All ports are of 127.0.0.1. */
export interface InstancePlan {
  readonly name: string
  readonly service: ServiceName
  /** Where the service listens, in plain text, for its sidecar only. */
  readonly servicePort: number
  readonly sidecar: SidecarPlan
}

export interface SidecarPlan {
  /** Name of its files in the folder. */
  readonly name: string
  /** Its only listener: inbound with mutual TLS beside a service, outbound in plain text beside the caller. */
  readonly port: number
  readonly adminPort: number
  readonly metricsPort: number
}

/** Everything that the demo runs, and where. */
export interface MeshPlan {
  /** Holds all files. */
  readonly folder: string
  readonly instances: readonly InstancePlan[]
  /** Beside the caller, which is the demo itself, as the workload `web`. */
  readonly web: SidecarPlan
}

const INSTANCES: readonly (readonly [ServiceName, number])[] = [
  ['greeter', 3],
  ['orders', 2],
]

/** @throws DemoError when there are not enough free ports */
export async function planMesh(folder: string): Promise<MeshPlan> {
  const count = INSTANCES.reduce((sum, [, instances]) => sum + instances, 0)
  const ports = await findFreePorts(4 * count + 3)
  const take = () => ports.pop() as number
  const sidecar = (name: string) => ({ name, port: take(), adminPort: take(), metricsPort: take() })
  return {
    folder,
    web: sidecar('web'),
    instances: INSTANCES.flatMap(([service, instances]) =>
      Array.from({ length: instances }, (_, i) => {
        const name = `${service}-${i + 1}`
        return { name, service, servicePort: take(), sidecar: sidecar(name) }
      }),
    ),
  }
}

export function endpointOf(instance: InstancePlan): string {
  return `127.0.0.1:${instance.sidecar.port}`
}

export function certificateFiles(
  folder: string,
  workload: string,
): { certificateFile: string; keyFile: string } {
  return { certificateFile: join(folder, `${workload}.crt`), keyFile: join(folder, `${workload}.key`) }
}

export function caFile(folder: string): string {
  return join(folder, 'ca.crt')
}

export function configFile(folder: string, sidecar: SidecarPlan): string {
  return join(folder, `${sidecar.name}.yaml`)
}

export function logFile(folder: string, name: string): string {
  return join(folder, `${name}.log`)
}
