#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { registerCertsCommands } from '../certs/commands.ts'
import { registerConfigCommands } from './commands/config-commands.ts'
import { registerDemoCommand } from './commands/demo-command.ts'
import { registerRunCommand } from './commands/run-command.ts'
import { VERSION } from './version.ts'

/** Bad usage or bad input. */
const EXIT_USAGE = 2

// Whoever reads our output may have seen enough of it: `pillion certs show ... | head`.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
}

const program = new Command('pillion')
  .description(
    'A service-mesh sidecar proxy: mutual TLS, REST and gRPC, health-checked balancing, from one YAML file.',
  )
  .version(VERSION)
  .showHelpAfterError('(--help shows what there is)')
  .exitOverride()

registerRunCommand(program)
registerConfigCommands(program)
registerCertsCommands(program)
registerDemoCommand(program)

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has already said what is wrong.
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE
  } else {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
