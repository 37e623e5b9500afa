import type { Endpoint } from '../endpoint.ts'
import { failureText, printable } from './failure-text.ts'
import { decodeCheckResponse, encodeCheckRequest, SERVING_STATUS } from './grpc-health.ts'
import { HttpClient } from './http-client.ts'
import type { ProbeAnswer } from './http-connection.ts'
import type { Probe, ProbeDone, ProbeRun, ProbeTransport } from './probe.ts'

export interface GrpcProbeOptions {
  /** Full name of the service to ask about; empty: the server as a whole. */
  readonly service: string
}

const SERVING = 1
const NOT_FOUND = 5
const UNIMPLEMENTED = 12

const STATUS_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

/** Asks `grpc.health.v1.Health/Check` over HTTP/2; SERVING means healthy. */
export class GrpcProbe implements Probe {
  readonly #service: string
  readonly #body: Buffer
  readonly #client: HttpClient

  constructor(options: GrpcProbeOptions, transport: ProbeTransport) {
    this.#service = options.service
    this.#body = encodeCheckRequest(options.service)
    this.#client = new HttpClient(transport, 'h2')
  }

  run(endpoint: Endpoint, done: ProbeDone): ProbeRun {
    const request = {
      method: 'POST',
      path: '/grpc.health.v1.Health/Check',
      authority: this.#client.authorityOf(endpoint),
      fields: { 'content-type': 'application/grpc', te: 'trailers', 'user-agent': 'pillion-health' },
      body: this.#body,
    } as const
    return this.#client.send(endpoint, request, (failure, answer) => {
      const problem =
        answer === null
          ? failure === null
            ? 'no answer'
            : failureText(failure)
          : problemOf(answer, this.#service)
      done(problem === null, problem ?? 'SERVING')
    })
  }

  forget(endpoint: Endpoint): void {
    this.#client.forget(endpoint)
  }

  close(): void {
    this.#client.close()
  }
}

/** Why an answer does not mean healthy; `null` when it does. */
function problemOf(answer: ProbeAnswer, service: string): string | null {
  // In an answer without a body the status stands in the only head ("trailers-only").
  const status = one(answer.trailers['grpc-status']) ?? one(answer.fields['grpc-status'])
  if (status === null) {
    if (answer.status !== 200) return `HTTP status ${answer.status} instead of a gRPC answer`
    return 'the answer has no grpc-status: no gRPC server there'
  }
  const code = /^\d{1,2}$/.test(status) ? Number(status) : -1
  if (code !== 0) {
    return statusProblem(
      code,
      status,
      service,
      one(answer.trailers['grpc-message']) ?? one(answer.fields['grpc-message']),
    )
  }
  let serving: number
  try {
    serving = decodeCheckResponse(answer.body)
  } catch (error) {
    return (error as Error).message
  }
  if (serving === SERVING) return null
  return `${SERVING_STATUS[serving] ?? `status ${serving}`}, expected SERVING`
}

function statusProblem(code: number, text: string, service: string, message: string | null): string {
  const name = STATUS_NAMES[code]
  const status = name === undefined ? `grpc-status ${printable(text)}` : `gRPC status ${code} ${name}`
  if (code === UNIMPLEMENTED) {
    return `${status}: the server has no grpc.health.v1.Health service; add it, or use an http or tcp check`
  }
  if (code === NOT_FOUND) return `${status}: the server's health service does not know "${service}"`
  return message === null || message === '' ? status : `${status}: ${printable(decodeMessage(message))}`
}

/** grpc-message is percent-encoded; what is encoded wrongly is shown as it came. */
function decodeMessage(message: string): string {
  try {
    return decodeURIComponent(message)
  } catch {
    return message
  }
}

function one(value: string | string[] | undefined): string | null {
  if (value === undefined) return null
  return typeof value === 'string' ? value : (value[0] ?? null)
}
