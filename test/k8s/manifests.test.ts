import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { parseConfig } from '../../config/load.ts'
import { formatProblem } from '../../config/problems.ts'
import type { Config } from '../../config/types/config.ts'

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
}
interface ConfigMap extends Manifest {
  readonly data: Record<string, string>
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: number }
}
interface Container {
  readonly name: string
  readonly restartPolicy?: string
  readonly args: readonly string[]
  readonly ports: readonly { readonly containerPort: number }[]
  readonly startupProbe: Probe
  readonly readinessProbe: Probe
  readonly livenessProbe: Probe
  readonly securityContext: Record<string, unknown>
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}
interface Volume {
  readonly name: string
  readonly configMap?: { readonly name: string }
  readonly secret?: { readonly secretName: string }
}
interface Pod {
  readonly terminationGracePeriodSeconds: number
  readonly securityContext: Record<string, unknown>
  readonly initContainers: readonly Container[]
  readonly volumes: readonly Volume[]
}
interface Deployment extends Manifest {
  readonly spec: { readonly template: { readonly spec: Pod } }
}

const text = readFileSync(new URL('../../k8s/checkout.yaml', import.meta.url), 'utf8')
const documents = parseAllDocuments(text)
const manifests = documents.map((document) => document.toJS() as Manifest)
const find = (kind: string) => manifests.find((manifest) => manifest.kind === kind)!
const configMap = find('ConfigMap') as ConfigMap
const pod = (find('Deployment') as Deployment).spec.template.spec
const sidecar = pod.initContainers[0]!

/** The configuration in the ConfigMap, with its files where the test has some. */
function configuration(folder: string): Config {
  const yaml = configMap.data['pillion.yaml']!.replaceAll('/etc/pillion/identity', folder)
  const result = parseConfig(yaml, 'pillion.yaml', folder)
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'))
  t.strictSame(result.warnings.map(formatProblem), [], 'no warning')
  return result.config
}

t.test('every manifest is YAML without errors and warnings', async (t) => {
  t.strictSame(
    documents.flatMap((document) => [...document.errors, ...document.warnings]),
    [],
  )
  t.strictSame(
    manifests.map(({ kind }) => kind),
    ['ConfigMap', 'Deployment', 'Service'],
  )
})

t.test('the configuration in the ConfigMap is valid', async (t) => {
  const folder = t.testdir({ 'checkout.crt': '', 'checkout.key': '', 'ca.crt': '' })
  chmodSync(join(folder, 'checkout.key'), 0o600)
  const config = configuration(folder)
  const ports = config.listeners.map(({ address }) => address.port)
  t.strictSame(ports, [15006, 15001])
  const metrics = config.metrics!.address
  t.equal(metrics.host, '0.0.0.0', 'the kubelet reaches it')
  for (const probe of [sidecar.startupProbe, sidecar.readinessProbe, sidecar.livenessProbe]) {
    t.equal(probe.httpGet.port, metrics.port)
  }
  t.strictSame(
    sidecar.ports.map(({ containerPort }) => containerPort),
    [15006, metrics.port],
  )
  t.ok(config.shutdown.grace < pod.terminationGracePeriodSeconds * 1000, 'drains before it is killed')
})

t.test('Pillion is a native sidecar that may do nothing it need not', async (t) => {
  t.equal(sidecar.restartPolicy, 'Always')
  t.equal(sidecar.startupProbe.httpGet.path, '/ready')
  t.equal(sidecar.livenessProbe.httpGet.path, '/live')
  t.match(pod.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
  t.match(sidecar.securityContext, {
    runAsUser: Number,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
})

t.test('volumes are mounted where the configuration looks', async (t) => {
  const mounted = new Map(sidecar.volumeMounts.map(({ name, mountPath }) => [mountPath, name]))
  const volume = (path: string) => pod.volumes.find(({ name }) => name === mounted.get(path))
  t.equal(volume('/etc/pillion/config')?.configMap?.name, configMap.metadata.name)
  t.type(volume('/etc/pillion/identity')?.secret?.secretName, 'string')
  t.strictSame(sidecar.args, ['run', '-c', '/etc/pillion/config/pillion.yaml'])
})

t.test('the image runs as the user that the Deployment asks for', async (t) => {
  const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8')
  t.match(dockerfile, new RegExp(`^USER ${sidecar.securityContext['runAsUser']}:`, 'm'))
  t.match(dockerfile, /^ENTRYPOINT \["node", "dist\/proxy\/main\.js"\]$/m)
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((found) =>
    found[1]!.split(' '),
  )
  const ignore = readFileSync(new URL('../../.dockerignore', import.meta.url), 'utf8').split('\n')
  t.strictSame(
    copied.filter((path) => !ignore.includes(`!${path}`)),
    [],
    '.dockerignore lets through what is copied',
  )
})
