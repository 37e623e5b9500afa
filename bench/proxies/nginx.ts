import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Competitor, CompetitorSetup } from './competitor.ts'

export const nginx: Competitor = {
  name: 'nginx',
  command: 'nginx',
  debianPackage: 'nginx',
  uniqueRequestId: true,
  async launch(setup) {
    const args = nginxArguments(setup.folder, setup.protocol === 'h2' ? http2(setup) : http1(setup))
    // grpc_pass is nginx's only HTTP/2 upstream; it takes one upstream connection per concurrent request.
    return setup.protocol === 'h2'
      ? { command: 'nginx', args, note: 'nginx forwards HTTP/2 with grpc_pass, its only HTTP/2 upstream' }
      : { command: 'nginx', args }
  },
}

/** Command-line arguments of an nginx with one worker whose files all stay in `folder`; `http` is the http block. */
export function nginxArguments(folder: string, http: string): string[] {
  const file = join(folder, 'nginx.conf')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (one) => `  ${one}_temp_path ${folder}/${one};`,
  )
  writeFileSync(
    file,
    `daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 8192; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
${temporary.join('\n')}
${http}
}
`,
  )
  return ['-p', folder, '-e', 'stderr', '-c', file]
}

function http2(setup: CompetitorSetup): string {
  return `${upstream(setup, 2048)}
  server {
    listen 127.0.0.1:${setup.listenPort} ssl http2;
    ssl_certificate ${setup.identity.certificateFile};
    ssl_certificate_key ${setup.identity.keyFile};
    ssl_protocols TLSv1.3;
    location / {
      grpc_pass grpc://upstream;
      grpc_set_header X-Request-Id $request_id;
      grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }`
}

function http1(setup: CompetitorSetup): string {
  return `${upstream(setup, 256)}
  server {
    listen 127.0.0.1:${setup.listenPort};
    location / {
      proxy_pass http://upstream;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Request-Id $request_id;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }`
}

function upstream(setup: CompetitorSetup, idle: number): string {
  return `  upstream upstream {
    server 127.0.0.1:${setup.upstreamPort};
    keepalive ${idle};
    keepalive_requests 1000000000;
  }`
}
