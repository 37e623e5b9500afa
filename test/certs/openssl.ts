import { spawnSync } from 'node:child_process'

/** Why tests with OpenSSL are skipped, or false when it is there. */
export const withoutOpenssl: string | false =
  spawnSync('openssl', ['version']).status === 0 ? false : 'the openssl program is not installed'

/** Runs openssl and returns its exit code with everything it printed. */
export function openssl(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
  return { status, output: stdout + stderr }
}
