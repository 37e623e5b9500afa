import type { Competitor } from './competitor.ts'

export const nghttpx: Competitor = {
  name: 'nghttpx',
  command: 'nghttpx',
  debianPackage: 'nghttp2-proxy',
  // Only its mruby hooks could make one per request, and Debian builds it without them.
  uniqueRequestId: false,
  async launch(setup) {
    const h2 = setup.protocol === 'h2'
    const args = [
      '--conf=/dev/null',
      '--workers=1',
      '--single-process',
      `--frontend=127.0.0.1,${setup.listenPort}${h2 ? '' : ';no-tls'}`,
      `--backend=127.0.0.1,${setup.upstreamPort};;proto=${h2 ? 'h2' : 'http/1.1'}`,
      '--backend-keep-alive-timeout=60s',
      '--add-x-forwarded-for',
      '--add-request-header=x-request-id: 018f0000-0000-8000-8000-000000000000',
      '--accesslog-file=/dev/null',
      '--log-level=WARN',
    ]
    if (h2)
      args.push('--tls-min-proto-version=TLSv1.3', setup.identity.keyFile, setup.identity.certificateFile)
    return {
      command: 'nghttpx',
      args,
      note: 'nghttpx adds a constant x-request-id: it cannot make one per request',
    }
  },
}
