import { open } from 'node:fs/promises'
import { type CertificateProblem, fileProblem } from './certificate-error.ts'
import { PemError } from './pem.ts'

/** Largest certificate, key or bundle file read, in bytes. */
export const MAX_FILE_BYTES = 1024 * 1024

/** A file's text with the mode it has. */
export interface PemFile {
  readonly file: string
  readonly text: string
  readonly mode: number
}

/** Reads a file; where that fails, adds the problem and returns null. */
export async function read(file: string, problems: CertificateProblem[]): Promise<PemFile | null> {
  try {
    const handle = await open(file, 'r')
    try {
      const { mode, size } = await handle.stat()
      if (size > MAX_FILE_BYTES) {
        problems.push({ file, message: `is larger than ${MAX_FILE_BYTES} bytes; not a certificate or key` })
        return null
      }
      return { file, text: await handle.readFile('latin1'), mode }
    } finally {
      await handle.close()
    }
  } catch (error) {
    problems.push({ file, message: fileProblem(error) })
    return null
  }
}

/** Parses what was read, if it was; a PemError becomes a problem of the file, and the result null. */
export function parse<T>(
  file: PemFile | null,
  problems: CertificateProblem[],
  parser: (text: string) => T,
): T | null {
  if (file === null) return null
  try {
    return parser(file.text)
  } catch (error) {
    if (!(error instanceof PemError)) throw error
    problems.push({ file: file.file, message: error.message })
    return null
  }
}
