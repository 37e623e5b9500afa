import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Competitor, CompetitorSetup } from './competitor.ts'

export const haproxy: Competitor = {
  name: 'haproxy',
  command: 'haproxy',
  debianPackage: 'haproxy',
  uniqueRequestId: true,
  async launch(setup) {
    const file = join(setup.folder, 'haproxy.cfg')
    writeFileSync(file, configuration(setup))
    return { command: 'haproxy', args: ['-db', '-q', '-f', file] }
  },
}

function configuration(setup: CompetitorSetup): string {
  const h2 = setup.protocol === 'h2'
  return `global
  nbthread 1
  maxconn 8192
  ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend bench
  bind 127.0.0.1:${setup.listenPort}${h2 ? ` ssl crt ${setup.identity.combinedFile} alpn h2` : ''}
  http-request set-header X-Request-Id %[uuid]
  http-request set-header X-Forwarded-For %[src]
  default_backend upstream
backend upstream
  server one 127.0.0.1:${setup.upstreamPort}${h2 ? ' proto h2' : ''}
`
}
