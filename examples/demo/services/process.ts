import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** How to start a service of the demo. */
export interface ServiceOptions {
  /** TCP port, 0 for a free one. */
  readonly port: number
  /** The instance's name: the `x-instance` field of every answer. */
  readonly name: string
  /** Address to listen on, 127.0.0.1 by default. */
  readonly host?: string
}

/** A service that listens. */
export interface Service {
  readonly port: number
  /** Finishes what is under way (for 3 s at most), then stops. */
  close(): Promise<void>
}

/** Something the person who started a service can put right; `message` says what. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError'
}

/** How long `close` waits for calls under way, in milliseconds. */
export const CLOSE_GRACE = 3000

/**
 * Runs a service as a process of its own when `moduleUrl` is the file that node was started with, and does nothing
 * otherwise. Prints `{"port":N}` on stdout when the service listens. Stops on SIGTERM and SIGINT, and when the process
 * that forked it goes away. Exit code 2 for a wrong argument, 1 when the service cannot start.
 */
export function runAsProcess(
  moduleUrl: string,
  defaultName: string,
  start: (options: ServiceOptions) => Promise<Service>,
): void {
  const script = process.argv[1]
  if (script === undefined || realpathSync(script) !== fileURLToPath(moduleUrl)) return
  let options: ServiceOptions
  try {
    options = parseOptions(process.argv.slice(2), defaultName)
  } catch (error) {
    fail(error, 2)
    return
  }
  start(options).then(
    (service) => {
      stopOnSignal(service)
      process.stdout.write(`${JSON.stringify({ port: service.port })}\n`)
    },
    (error: unknown) => fail(error, 1),
  )
}

/** @throws TypeError or ServiceError with a message for the user */
function parseOptions(args: string[], defaultName: string): ServiceOptions {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string', default: '0' },
      name: { type: 'string', default: defaultName },
      host: { type: 'string', default: '127.0.0.1' },
    },
  })
  if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65535) {
    throw new ServiceError(`--port: expected a port from 0 to 65535, got "${values.port}"`)
  }
  // The name goes into a header field, whose values are visible ASCII.
  if (!/^[\x21-\x7e]{1,63}$/.test(values.name)) {
    throw new ServiceError(`--name: expected 1 to 63 visible ASCII characters, got "${values.name}"`)
  }
  return { port: Number(values.port), name: values.name, host: values.host }
}

function stopOnSignal(service: Service): void {
  let stopping = false
  const stop = () => {
    if (stopping) return
    stopping = true
    service.close().then(
      () => process.disconnect?.(),
      (error: unknown) => fail(error, 1),
    )
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  if (process.connected) process.once('disconnect', stop)
}

function fail(error: unknown, exitCode: number): void {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = exitCode
}
