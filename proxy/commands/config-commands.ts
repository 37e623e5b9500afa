import type { Command } from 'commander'
import { CertificateError } from '../../certs/certificate-error.ts'
import { loadIdentity } from '../../certs/store.ts'
import { configJsonSchemaText } from '../../config/json-schema.ts'
import { EXIT_INVALID, readConfigFile, sayCertificateProblems } from './config-file.ts'

/** `pillion check` and `pillion schema`. */
export function registerConfigCommands(program: Command): void {
  program
    .command('check')
    .description('check a configuration file and the certificates it names; every problem at once')
    .requiredOption('-c, --config <file>', 'the YAML file')
    .addHelpText('after', '\nExit code 0: valid, 2: invalid.\nExample: pillion check -c pillion.yaml')
    .action(async (options: { config: string }) => {
      const config = readConfigFile(options.config)
      if (config === null) return
      if (config.identity !== null) {
        try {
          const identity = await loadIdentity(config.identity)
          for (const warning of identity.warnings) process.stderr.write(`warning: ${warning}\n`)
        } catch (error) {
          if (!(error instanceof CertificateError)) throw error
          sayCertificateProblems(options.config, error)
          process.exitCode = EXIT_INVALID
          return
        }
      }
      process.stdout.write(
        `${options.config} is valid: ${count(config.listeners.length, 'listener')}, ${count(config.upstreams.length, 'upstream')}\n`,
      )
    })
  program
    .command('schema')
    .description('print the JSON Schema of the configuration file, for editors')
    .action(() => {
      process.stdout.write(configJsonSchemaText())
    })
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
