// A program with the certs commands only, run by commands.test.ts as a user runs the proxy's.
import { Command } from 'commander'
import { registerCertsCommands } from '../../certs/commands.ts'

const program = new Command('pillion')
registerCertsCommands(program)
await program.parseAsync()
