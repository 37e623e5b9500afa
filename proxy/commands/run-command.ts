import type { Command } from 'commander'
import { CertificateError } from '../../certs/certificate-error.ts'
import { whyNotRunnable } from '../../config/app-checks.ts'
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
    .description('run the sidecar, and the application if it shall, until SIGTERM or SIGINT, then drain')
    .argument('[command...]', 'behind --: the application and its arguments, in place of app.command')
    .requiredOption('-c, --config <file>', 'the YAML file')
    .addHelpText(
      'after',
      '\nLogs are JSON lines on standard error.\nExamples:\n  pillion run -c pillion.yaml\n  pillion run -c pillion.yaml -- node server.js',
    )
    .action(async (command: string[], options: { config: string }) => {
      // The parser takes words before -- as well: those are mistakes, not programs to start.
      if (command.length === 0 || process.argv.includes('--')) return await run(options.config, command)
      process.stderr.write(
        `error: unexpected ${command[0]}, expected -- before the application and its arguments\n`,
      )
      process.exitCode = EXIT_INVALID
    })
}

async function run(file: string, command: readonly string[]): Promise<void> {
  const config = readConfigFile(file, command)
  if (config === null) return
  const [program] = command
  if (program !== undefined && config.app !== null) {
    const { cwd, env } = config.app
    const wrong = whyNotRunnable(program, cwd ?? process.cwd(), env.PATH ?? process.env.PATH)
    if (wrong !== null) {
      process.stderr.write(`error: ${wrong}, expected a program behind -- that can be run\n`)
      process.exitCode = EXIT_INVALID
      return
    }
  }
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
  let exitCode = 0
  const drain = (): void => {
    server.drain().then(
      () => process.exit(exitCode),
      () => process.exit(EXIT_FAILED),
    )
  }
  const stop = (signal: NodeJS.Signals): void => {
    asked += 1
    if (asked > 1) process.exit(EXIT_FAILED)
    server.log.info({ signal }, `${signal}: finishing what is under way`)
    drain()
  }
  // Unhandled it would end the process, which is not what whoever sends it means.
  process.on('SIGHUP', () =>
    server.log.warn({}, 'SIGHUP: this version reloads nothing, restart to change the configuration'),
  )
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  // Last, when its output cannot come before the line above, and a signal finds it watched.
  server.startApp((code) => {
    exitCode = code
    server.log.info({ code }, 'the application has ended for good: finishing what is under way')
    drain()
  })
}
