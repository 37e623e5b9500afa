import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { fileErrorText } from './cross-checks.ts'
import type { Problem } from './types/problem.ts'

/** Largest file that is read: 4 MiB. */
export const maxFileBytes = 4 * 1024 ** 2

/**
 * The text of a file, or why there is none. `what` completes "expected ...", such as "a configuration file". `regular`:
 * neither a pipe nor a device is read, for which everything else would have to wait.
 */
export function readSource(file: string, what: string, regular = false): string | Problem {
  let bytes: Buffer
  try {
    const read = readFile(file, what, regular)
    if (typeof read === 'string') return problem(file, read)
    bytes = read
  } catch (error) {
    return problem(file, `${fileErrorText(error)}, expected ${what}`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    const lines = bytes.toString('utf8').split('\ufffd', 1)[0]!.split('\n')
    const [line, column] = [lines.length, lines[lines.length - 1]!.length + 1]
    return problem(file, 'not text in UTF-8, expected a YAML file', line, column)
  }
}

function readFile(file: string, what: string, regular: boolean): Buffer | string {
  // Opening a pipe waits for whoever writes, unless told not to.
  const descriptor = openSync(file, constants.O_RDONLY | (regular ? constants.O_NONBLOCK : 0))
  try {
    const stats = fstatSync(descriptor)
    if (stats.isDirectory()) return `it is a folder, expected ${what}`
    if (regular && !stats.isFile()) return `it is a pipe or a device, expected a file with ${what}`
    // In steps, because a pipe or a device does not say how much will come.
    const bytes = Buffer.alloc(maxFileBytes + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(descriptor, bytes, length, bytes.length - length, null)
    }
    return length > maxFileBytes
      ? `the file is larger than 4 MiB, expected ${what} of some kilobytes`
      : bytes.subarray(0, length)
  } finally {
    closeSync(descriptor)
  }
}

function problem(file: string, message: string, line = 1, column = 1): Problem {
  return { file, line, column, path: '', message }
}
