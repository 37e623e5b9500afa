import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import t from 'tap'
import { type Authority, createAuthority, issueLeaf } from '../../certs/authority.ts'
import { peerIdentity } from '../../certs/peer-identity.ts'
import type { KeyType } from '../../certs/private-key.ts'

async function credentials(
  authority: Authority,
  name: string,
  keyType: KeyType,
): Promise<tls.SecureContextOptions> {
  const leaf = await issueLeaf({ authority, spiffeId: `spiffe://mesh.local/ns/default/sa/${name}`, keyType })
  return { cert: leaf.chainPem, key: leaf.keyPem }
}

function nameOf(socket: tls.TLSSocket): string {
  const identity = peerIdentity(socket.getPeerCertificate().raw)
  return 'id' in identity ? identity.id.lastSegment : identity.problem
}

for (const keyType of ['ecdsa-p256', 'rsa-2048'] as const) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    t.test(`mutual TLS with ${keyType} over ${version}, through an intermediate`, async (t) => {
      const root = await createAuthority({ trustDomain: 'mesh.local', keyType })
      const authority = await createAuthority({
        trustDomain: 'mesh.local',
        name: 'below',
        parent: root,
        keyType,
      })
      const ca = root.certificatePem
      const server = tls.createServer({
        ...(await credentials(authority, 'server', keyType)),
        ca,
        requestCert: true,
        rejectUnauthorized: true,
        maxVersion: version,
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const accepted = once(server, 'secureConnection')
      const client = tls.connect({
        ...(await credentials(authority, 'client', keyType)),
        ca,
        port: (server.address() as AddressInfo).port,
        host: '127.0.0.1',
        checkServerIdentity: () => undefined,
      })
      await once(client, 'secureConnect')
      const [served] = (await accepted) as [tls.TLSSocket]
      t.ok(client.authorized)
      t.ok(served.authorized)
      t.equal(client.getProtocol(), version)
      t.equal(nameOf(client), 'server')
      t.equal(nameOf(served), 'client')
      const closed = once(served, 'close')
      client.destroy()
      await closed
      server.close()
      await once(server, 'close')
    })
  }
}
