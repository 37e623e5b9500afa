import type { Command } from 'commander'

/** `pillion demo`. */
export function registerDemoCommand(program: Command): void {
  program
    .command('demo')
    .description(
      'real services, a sidecar beside each and light traffic on this machine, to watch and to try',
    )
    .option(
      '--once',
      'run the scenario through, print what was checked, exit non-zero when anything was lost',
    )
    .action(async (options: { once?: boolean }) => {
      const { runDemo } = await import('../../examples/demo/demo.ts')
      process.exitCode = await runDemo({ once: options.once === true })
    })
}
