/** One thing wrong with one file. */
export interface CertificateProblem {
  readonly file: string
  readonly message: string
}

/**
 * Certificate or key files cannot be used or written. The message names every problem with its file, one per line, and
 * is meant for the user as it stands.
 */
export class CertificateError extends Error {
  override readonly name = 'CertificateError'
  /** The file of the first problem. */
  readonly file: string
  /** All problems found, at least one. */
  readonly problems: readonly CertificateProblem[]

  constructor(problems: readonly CertificateProblem[]) {
    super(problems.map((problem) => `${problem.file}: ${problem.message}`).join('\n'))
    this.file = problems[0]!.file
    this.problems = problems
  }
}

/** A request for a certificate is not one that can be fulfilled: wrong trust domain, malformed name, lifetime. */
export class IssueError extends Error {
  override readonly name = 'IssueError'
}

/** What a failed file operation means, in words. */
export function fileProblem(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOENT') return 'no such file'
  if (code === 'ENOTDIR') return 'a part of the path is not a directory'
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied'
  if (code === 'EISDIR') return 'is a directory, not a file'
  if (code === 'ENOSPC') return 'no space left on the device'
  if (code === 'EROFS') return 'the file system is read-only'
  return error instanceof Error ? error.message : String(error)
}
