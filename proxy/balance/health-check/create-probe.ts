import { GrpcProbe, type GrpcProbeOptions } from './grpc-probe.ts'
import { HttpProbe, type HttpProbeOptions } from './http-probe.ts'
import type { Probe, ProbeTransport } from './probe.ts'
import { TcpProbe } from './tcp-probe.ts'

export type ProbeOptions =
  | ({ readonly kind: 'http' } & HttpProbeOptions)
  | ({ readonly kind: 'grpc' } & GrpcProbeOptions)
  | { readonly kind: 'tcp' }

export function createProbe(options: ProbeOptions, transport: ProbeTransport): Probe {
  switch (options.kind) {
    case 'http':
      return new HttpProbe(options, transport)
    case 'grpc':
      return new GrpcProbe(options, transport)
    case 'tcp':
      return new TcpProbe(transport)
  }
}
