import type { z } from 'zod'
import type { endpointSchema } from '../endpoint-schema.ts'
import type { EndpointConfig } from '../types/upstream.ts'

/** An address alone is an endpoint with every default. */
export function resolveEndpoint(endpoint: z.output<typeof endpointSchema>): EndpointConfig {
  return 'address' in endpoint
    ? { ...endpoint, zone: endpoint.zone ?? null, labels: endpoint.labels ?? {} }
    : { address: endpoint, weight: 1, zone: null, priority: 0, labels: {} }
}
