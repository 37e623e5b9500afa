import type { CertificateError } from '../../certs/certificate-error.ts'
import { loadConfig } from '../../config/load.ts'
import { formatProblem } from '../../config/problems.ts'
import type { Config } from '../../config/types/config.ts'

/** Exit code for a configuration that cannot be used. */
export const EXIT_INVALID = 2

/**
 * Reads and checks a configuration file. Null after the problems have gone to standard error, one a line. `command`
 * is one for the application from the command line.
 */
export function readConfigFile(file: string, command: readonly string[] = []): Config | null {
  const result = loadConfig(file, command)
  if (!result.ok) {
    for (const problem of result.problems) process.stderr.write(`${formatProblem(problem)}\n`)
    sayCount(file, result.problems.length)
    process.exitCode = EXIT_INVALID
    return null
  }
  for (const warning of result.warnings) process.stderr.write(`warning: ${formatProblem(warning)}\n`)
  return result.config
}

/** Tells what is wrong with the certificates that a configuration names, one problem a line. */
export function sayCertificateProblems(file: string, error: CertificateError): void {
  for (const problem of error.problems) {
    process.stderr.write(`${file}: identity: ${problem.file}: ${problem.message}\n`)
  }
  sayCount(file, error.problems.length)
}

function sayCount(file: string, count: number): void {
  process.stderr.write(`error: ${file} has ${count} problem${count === 1 ? '' : 's'}\n`)
}
