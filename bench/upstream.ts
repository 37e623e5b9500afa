import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, type Launch, PinnedProcess } from './process.ts'
import { nginxArguments } from './proxies/nginx.ts'
import type { Protocol } from './scenarios.ts'

/** Concurrent streams that the HTTP/2 upstream grants per connection. */
const MAX_CONCURRENT_STREAMS = 256

export interface Upstream {
  readonly process: PinnedProcess
  readonly port: number
}

/** The command that serves a protocol, and the Debian package that brings it. */
export const UPSTREAM_TOOL: Readonly<Record<Protocol, { command: string; debianPackage: string }>> = {
  h2: { command: 'nghttpd', debianPackage: 'nghttp2-server' },
  http1: { command: 'nginx', debianPackage: 'nginx' },
}

/** Path below which the upstream serves bodies of this many bytes. */
export function bodyPath(bodyBytes: number): string {
  return `/body-${bodyBytes}`
}

/** Starts the upstream of a protocol; it answers any query on `bodyPath(bodyBytes)` with 200. */
export async function startUpstream(
  protocol: Protocol,
  bodyBytes: number,
  folder: string,
  core: number,
): Promise<Upstream> {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const body = 'x'.repeat(bodyBytes)
  const launch = protocol === 'h2' ? nghttpd(folder, body, port) : nginx(folder, body, port)
  const process = PinnedProcess.start(`upstream ${launch.command}`, launch, core)
  await process.listening(port)
  return { process, port }
}

function nghttpd(folder: string, body: string, port: number): Launch {
  writeFileSync(join(folder, bodyPath(body.length)), body)
  const streams = String(MAX_CONCURRENT_STREAMS)
  return {
    command: 'nghttpd',
    args: ['--no-tls', '-n', '1', '-m', streams, '-a', '127.0.0.1', '-d', folder, String(port)],
  }
}

function nginx(folder: string, body: string, port: number): Launch {
  const server = `  server {
    listen 127.0.0.1:${port} backlog=4096;
    location ${bodyPath(body.length)} { default_type text/plain; return 200 ${body}; }
  }`
  return { command: 'nginx', args: nginxArguments(folder, server) }
}
