import type { Telemetry } from '../telemetry/telemetry.ts'

/** An answer to one GET. */
export interface AdminReply {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** One path of the admin server. */
export interface AdminPage {
  /** One line for the index. */
  readonly about: string
  /** `accept` is the request's Accept field. */
  read(accept: string | undefined): AdminReply | Promise<AdminReply>
}

export interface Readiness {
  readonly ready: boolean
  /** What is missing, a sentence each; empty when ready. */
  readonly reasons: readonly string[]
}

/** Where the pages that only the admin server has get their content: anything JSON can hold, secrets already removed. */
export interface AdminSources {
  /** Each upstream with the state of its endpoints. */
  upstreams(): unknown
  /** The configuration in force. */
  config(): unknown
  /** The certificates in use. */
  certificates(): unknown
  /** The application that the sidecar runs; left out when it runs none. */
  readonly app?: () => unknown
}

const TEXT = 'text/plain; charset=utf-8'

export function textReply(status: number, body: string): AdminReply {
  return { status, contentType: TEXT, body }
}

/** The pages that every scraper and kubelet may read. */
export function probePages(telemetry: Telemetry, ready: () => Readiness): Map<string, AdminPage> {
  const pages = new Map<string, AdminPage>()
  pages.set('/metrics', {
    about: 'metrics, in the Prometheus text format or OpenMetrics as the Accept field asks',
    read: async (accept) => ({
      status: 200,
      contentType: telemetry.contentType(accept),
      body: await telemetry.scrape(accept),
    }),
  })
  pages.set('/ready', {
    about: '200 when requests are welcome, else 503 with the reasons',
    read: () => {
      const { ready: isReady, reasons } = ready()
      if (isReady) return textReply(200, 'ready\n')
      return textReply(503, ['not ready', ...reasons.map((reason) => `- ${reason}`), ''].join('\n'))
    },
  })
  pages.set('/live', {
    about: '200 while the process answers at all',
    read: () => textReply(200, 'live\n'),
  })
  return pages
}

/** Adds what only the admin server shows, the index included. */
export function addAdminPages(
  pages: Map<string, AdminPage>,
  telemetry: Telemetry,
  sources: AdminSources,
): void {
  pages.set('/upstreams', {
    about: 'the upstreams with the state of each endpoint, as JSON',
    read: () => jsonReply(sources.upstreams()),
  })
  pages.set('/config', {
    about: 'the configuration in force without its secrets, as JSON',
    read: () => jsonReply(sources.config()),
  })
  pages.set('/certificates', {
    about: 'the certificates in use and when they expire, as JSON',
    read: () => jsonReply(sources.certificates()),
  })
  const { app } = sources
  if (app !== undefined) {
    pages.set('/app', {
      about: 'the application that the sidecar runs, as JSON',
      read: () => jsonReply(app()),
    })
  }
  pages.set('/', {
    about: 'this page',
    read: () =>
      textReply(200, `Pillion ${telemetry.version}, sidecar of ${telemetry.service}\n\n${listPages(pages)}`),
  })
}

/** The paths there are, a line each. */
export function listPages(pages: ReadonlyMap<string, AdminPage>): string {
  const paths = [...pages.keys()].sort()
  const width = Math.max(...paths.map((path) => path.length))
  return paths.map((path) => `${path.padEnd(width)}  ${pages.get(path)!.about}\n`).join('')
}

function jsonReply(value: unknown): AdminReply {
  return { status: 200, contentType: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` }
}
