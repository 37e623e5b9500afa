import type { Command } from 'commander'
import { CertificateError } from '../../certs/certificate-error.ts'
import { SidecarServer } from '../server.ts'
import { EXIT_INVALID, readConfigFile, sayCertificateProblems } from './config-file.ts'

/** Something outside the configuration is in the way, such as an occupied address. */
const EXIT_FAILED = 1
/** A defect of ours (sysexits EX_SOFTWARE). */
const EXIT_DEFECT = 70

/** `pillion run`. */
export function registerRunCommand(program: Command): void {
  program
    .command('run')
    .description('run the sidecar until SIGTERM or SIGINT, then drain')
    .requiredOption('-c, --config <file>', 'the YAML file')
    .addHelpText('after', '\nLogs are JSON lines on standard error.\nExample: pillion run -c pillion.yaml')
    .action((options: { config: string }) => run(options.config))
}

async function run(file: string): Promise<void> {
  const config = readConfigFile(file)
  if (config === null) return
  let server: SidecarServer
  try {
    server = await SidecarServer.start(config)
  } catch (error) {
    if (error instanceof CertificateError) {
      sayCertificateProblems(file, error)
      process.exitCode = EXIT_INVALID
    } else {
      process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
      process.exitCode = EXIT_FAILED
    }
    return
  }
  const where = server.addresses.map(({ name, address }) => `${name} ${address}`).join(', ')
  process.stdout.write(`pillion ${config.service} is ready: ${where}\n`)
  process.on('uncaughtException', (error) => {
    server.log.error({ err: error }, 'a defect of the proxy: giving up')
    server.log.flush()
    process.exit(EXIT_DEFECT)
  })
  let asked = 0
  const stop = (signal: NodeJS.Signals): void => {
    asked += 1
    if (asked > 1) process.exit(EXIT_FAILED)
    server.log.info({ signal }, `${signal}: finishing what is under way`)
    server.drain().then(
      () => process.exit(0),
      () => process.exit(EXIT_FAILED),
    )
  }
  // Unhandled it would end the process, which is not what whoever sends it means.
  process.on('SIGHUP', () =>
    server.log.warn({}, 'SIGHUP: this version reloads nothing, restart to change the configuration'),
  )
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}
