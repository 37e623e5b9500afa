import { caFile, certificateFiles, type MeshPlan } from './plan.ts'

/** Lines to try in another terminal, each under what it shows. */
export function curlLines({ folder, instances, web }: MeshPlan): string[] {
  const orders = instances.find(({ service }) => service === 'orders')
  const greeter = instances.find(({ service }) => service === 'greeter')
  if (orders === undefined || greeter === undefined) return []
  const { certificateFile, keyFile } = certificateFiles(folder, 'web')
  const guest = certificateFiles(folder, 'guest')
  const ca = `--cacert ${quote(caFile(folder))}`
  const inside = `https://127.0.0.1:${orders.sidecar.port}/api/orders`
  const post = `-d '{"item":"tea","quantity":2}'`
  const grpc = `--http2-prior-knowledge -H 'content-type: application/grpc' -H 'te: trailers' --data-binary @-`
  return [
    '# REST, through both sidecars',
    `curl -i -H 'Host: orders.mesh' http://127.0.0.1:${web.port}/api/orders`,
    `curl -i -H 'Host: orders.mesh' ${post} http://127.0.0.1:${web.port}/api/orders`,
    '# gRPC, through both sidecars: a HelloRequest with the name Ada, and the text of the HelloReply',
    // A message: not compressed (0), its length in 4 bytes, then field 1 (tag 10) with its length and text.
    `printf '\\0\\0\\0\\0\\5\\n\\3Ada' | curl -s ${grpc} -H 'Host: greeter.mesh' http://127.0.0.1:${web.port}/example.Greeter/SayHello | tail -c +8; echo`,
    '# metrics, and the state of every endpoint',
    `curl http://127.0.0.1:${web.metricsPort}/metrics`,
    `curl http://127.0.0.1:${web.adminPort}/upstreams`,
    `curl http://127.0.0.1:${greeter.sidecar.adminPort}/  # the sidecar beside ${greeter.name}`,
    `# straight to the sidecar beside ${orders.name}: as web, as a workload that no rule allows, without a certificate`,
    `curl ${ca} --cert ${quote(certificateFile)} --key ${quote(keyFile)} ${inside}`,
    `curl ${ca} --cert ${quote(guest.certificateFile)} --key ${quote(guest.keyFile)} ${inside}`,
    `curl ${ca} ${inside}`,
  ]
}

/** For a POSIX shell; only where it is needed. */
function quote(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
