import { type LogStream, stderrLogStream } from './log-stream.ts'
import type { Direction } from './request-stats.ts'

/** What the access log tells of one request. Written once it is over; the object may be reused after the call. */
export interface AccessRecord {
  /** When its head was complete, in milliseconds since 1970. */
  start: number
  listener: string
  direction: Direction
  /** Name of the route, "" when none matched. */
  route: string
  /** Name of the upstream, "" when none was chosen. */
  upstream: string
  /** `host:port` of the endpoint of the last attempt, "" when there was none. */
  endpoint: string
  method: string
  authority: string
  /** As forwarded (normalised), or as received when it was refused; its query is left out unless the log was told to keep it. */
  path: string
  /** What the caller spoke: "http1" or "h2". */
  protocol: string
  /** HTTP status sent, 0 when nothing was. */
  code: number
  /** -1 when it was no gRPC call. */
  grpcStatus: number
  /** Codes of the reasons that shaped the outcome ("no-route", "timeout"), comma-separated, "" when it went well. */
  flags: string
  /** A sentence on the flags, "" when there is none. */
  detail: string
  /** Bytes of request body received. */
  requestBytes: number
  /** Bytes of response body sent. */
  responseBytes: number
  /** From the complete head to the end, in milliseconds. */
  durationMs: number
  /** From the attempt's start to the response's head, in milliseconds; -1 when there was none. */
  upstreamMs: number
  /** Time spent waiting for a connection, in milliseconds; -1 when it did not wait. */
  queueMs: number
  attempts: number
  /** SPIFFE ID of the caller, "" when unknown. */
  principal: string
  requestId: string
  traceId: string
}

export interface AccessLogOptions {
  /** Default: standard error. */
  readonly stream?: LogStream
  /** Whether paths keep their query, which may hold secrets; default false. */
  readonly query?: boolean
}

/** Longest value written, in characters; what is longer ends in an ellipsis. */
const MAX_VALUE = 1024

/** One JSON line per request, `log` being "access". Make one only where access logging is on. */
export class AccessLog {
  readonly #stream: LogStream
  readonly #query: boolean

  constructor(options: AccessLogOptions = {}) {
    this.#stream = options.stream ?? stderrLogStream()
    this.#query = options.query ?? false
  }

  record(record: AccessRecord): void {
    this.#stream.write(accessLine(record, this.#query))
  }
}

/** The line of one request. Fields that say nothing ("" and -1) are left out; numbers of milliseconds have 3 decimals. */
export function accessLine(record: AccessRecord, query: boolean): string {
  let path = record.path
  if (!query) {
    const mark = path.indexOf('?')
    if (mark >= 0) path = path.slice(0, mark)
  }
  let line = `{"log":"access","time":"${new Date(record.start).toISOString()}"`
  line += text('listener', record.listener)
  line += text('direction', record.direction)
  line += text('route', record.route)
  line += text('upstream', record.upstream)
  line += text('endpoint', record.endpoint)
  line += text('method', record.method)
  line += text('authority', record.authority)
  line += text('path', path)
  line += text('protocol', record.protocol)
  line += `,"code":${record.code}`
  if (record.grpcStatus >= 0) line += `,"grpcStatus":${record.grpcStatus}`
  line += text('flags', record.flags)
  line += text('detail', record.detail)
  line += `,"requestBytes":${record.requestBytes},"responseBytes":${record.responseBytes}`
  line += milliseconds('durationMs', record.durationMs)
  line += milliseconds('upstreamMs', record.upstreamMs)
  line += milliseconds('queueMs', record.queueMs)
  line += `,"attempts":${record.attempts}`
  line += text('principal', record.principal)
  line += text('requestId', record.requestId)
  line += text('traceId', record.traceId)
  return `${line}}\n`
}

function text(name: string, value: string): string {
  if (value === '') return ''
  const bounded = value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}…` : value
  return `,"${name}":${JSON.stringify(bounded)}`
}

function milliseconds(name: string, value: number): string {
  return value >= 0 ? `,"${name}":${Math.round(value * 1000) / 1000}` : ''
}
