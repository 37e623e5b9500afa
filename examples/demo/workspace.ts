import { rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthority, issueLeaf } from '../../certs/authority.ts'
import { serviceId } from '../../certs/spiffe-id.ts'
import { writeAuthority, writeCertificate } from '../../certs/store.ts'
import { DemoError } from './demo-error.ts'
import { certificateFiles, configFile, type MeshPlan, TRUST_DOMAIN } from './plan.ts'
import { inboundConfig, outboundConfig } from './sidecar-config.ts'

/** The workloads that get a certificate. `guest` has a valid one, and no rule allows it anything. */
const WORKLOADS = ['web', 'greeter', 'orders', 'guest']

/** Makes the temporary folder of the demo, for its owner only. @throws DemoError when that fails */
export async function createFolder(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), 'pillion-demo-'))
  } catch (error) {
    throw new DemoError(`cannot make a temporary folder: ${(error as Error).message}`)
  }
}

/** Removes the folder with all that is in it. Synchronous, so that it works when the process is about to exit. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}

/** Makes a CA, a certificate for each workload and the configuration of each sidecar. */
export async function writeFiles(plan: MeshPlan): Promise<void> {
  const { folder, instances, web } = plan
  const authority = await createAuthority({ trustDomain: TRUST_DOMAIN })
  await writeAuthority(folder, authority)
  await Promise.all(
    WORKLOADS.map(async (workload) => {
      const leaf = await issueLeaf({
        authority,
        spiffeId: serviceId(TRUST_DOMAIN, 'default', workload),
        // Sidecars go by the SPIFFE ID; curl looks for the address it connects to.
        ipAddresses: ['127.0.0.1'],
      })
      await writeCertificate(certificateFiles(folder, workload), leaf.chainPem, leaf.keyPem)
    }),
  )
  await writeFile(configFile(folder, web), outboundConfig(plan))
  for (const instance of instances)
    await writeFile(configFile(folder, instance.sidecar), inboundConfig(instance))
}
