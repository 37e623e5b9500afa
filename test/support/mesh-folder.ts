import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { createMeshCertificates, type LeafDates, type MeshCertificates } from './peers/mesh-certificates.ts'
import type { TlsMaterial } from './peers/tls-material.ts'

/** A temporary folder with the trust bundle of a mesh and the certificates of its services, as sidecars read them. */
export class MeshFolder {
  readonly path: string
  readonly authority: MeshCertificates

  constructor(path: string, authority: MeshCertificates) {
    this.path = path
    this.authority = authority
    mkdirSync(join(path, 'certs'))
    writeFileSync(join(path, 'certs', 'ca.crt'), authority.ca)
  }

  /** Writes certs/SERVICE.crt and certs/SERVICE.key; the same as PEM, for peers without a sidecar. */
  async issue(service: string, dates: LeafDates = {}): Promise<Required<TlsMaterial>> {
    const material = await this.authority.issue(service, dates)
    this.write(service, material)
    return material
  }

  /** Writes a certificate of any origin as that of `service`. */
  write(service: string, { cert, key }: TlsMaterial): void {
    writeFileSync(join(this.path, 'certs', `${service}.crt`), cert)
    writeFileSync(join(this.path, 'certs', `${service}.key`), key, { mode: 0o600 })
  }
}

/** A mesh of trust domain mesh.local with certificates for `services`; its folder goes with the test. */
export async function createMesh(t: Test, ...services: string[]): Promise<MeshFolder> {
  const path = mkdtempSync(join(tmpdir(), 'pillion-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  const mesh = new MeshFolder(path, await createMeshCertificates())
  for (const service of services) await mesh.issue(service)
  return mesh
}

/** The SPIFFE ID of a service of the mesh. */
export function meshId(service: string): string {
  return `spiffe://mesh.local/ns/default/sa/${service}`
}
