import type { z } from 'zod'
import { zoneName } from './endpoint-schema.ts'
import * as kind from './kinds.ts'
import { listenerSchema } from './listener-schema.ts'
import { upstreamsSchema } from './upstream-schema.ts'
import { isTrustDomain } from './values.ts'

export const defaultAdminAddress = '127.0.0.1:15000'
export const defaultMetricsAddress = '0.0.0.0:15020'

const server = (address: string) =>
  kind.mapping({ address: kind.listenAddress().prefault(address).describe('Where it listens.') })

const identitySchema = kind.mapping({
  trustDomain: kind
    .text('a trust domain such as mesh.local, in lower case', 'trust domain', isTrustDomain)
    .describe('The trust domain of this workload and, so far, of its peers.'),
  certificateFile: kind
    .filePath('certs/app.crt')
    .describe(
      "PEM file: this workload's certificate with one SPIFFE ID, and the intermediate ones behind it.",
    ),
  keyFile: kind.filePath('certs/app.key').describe('PEM file: the private key of the certificate.'),
  trustBundleFile: kind
    .filePath('certs/ca.crt')
    .describe("PEM file: one or more roots that peers' certificates have to lead to."),
})

/** The configuration as written. Type, default, documentation and JSON Schema all come from here. */
export const configSchema = kind.mapping(
  {
    service: kind
      .text('a name such as checkout: lower-case letters, digits and dashes, at most 63', 'name', (input) =>
        /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(input),
      )
      .describe('The name of this workload, in metrics and logs.'),
    workers: kind
      .choice('a whole number such as 1, or auto', [kind.wholeNumber(1, 1024), kind.word('auto')])
      .prefault(1)
      .describe('Processes that share the listeners. Only 1 is available so far.'),
    zone: zoneName()
      .optional()
      .describe(
        'Where this sidecar runs: endpoints in the same zone are preferred. By default what `PILLION_ZONE` in the environment says.',
      ),
    admin: kind
      .orOff('a mapping with an address', server(defaultAdminAddress))
      .prefault({})
      .describe('Admin server: state, `/metrics`, `/ready` and `/live`. `off`: none.'),
    metrics: kind
      .orOff('a mapping with an address', server(defaultMetricsAddress))
      .prefault({})
      .describe(
        'Server of `/metrics`, `/ready` and `/live` alone, for Prometheus and the kubelet. `off`: none.',
      ),
    log: kind
      .mapping({
        level: kind
          .word('debug', 'info', 'warn', 'error')
          .prefault('info')
          .describe('The least important level that is logged.'),
        access: kind.flag().prefault(false).describe('Whether each request gets a line.'),
      })
      .prefault({})
      .describe('Log of JSON lines on standard error.'),
    shutdown: kind
      .mapping({
        grace: kind
          .duration(true)
          .prefault('25s')
          .describe(
            'Longest time that open requests get to end after a signal. Keep it below the grace period of the pod.',
          ),
      })
      .prefault({})
      .describe('How the sidecar stops.'),
    identity: identitySchema
      .optional()
      .describe(
        'Certificate, key and roots. Required when a listener has TLS or an upstream has mutual TLS.',
      ),
    listeners: kind
      .list(listenerSchema, 'a list of at least one listener, each with name, address and routes')
      .describe('Where requests come in.'),
    upstreams: upstreamsSchema.describe('Where requests go, by name.'),
  },
  'a mapping with service, listeners and upstreams',
)

export type ConfigDocument = z.output<typeof configSchema>
