import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { checkBalance } from './balance-checks.ts'
import { checkProcess, fileErrorText } from './cross-checks.ts'
import { SourceDocument } from './document.ts'
import { checkHttp2 } from './http2-checks.ts'
import { schemaProblems } from './issues.ts'
import { Part } from './part.ts'
import { formatPath, sortProblems } from './problems.ts'
import { resolveConfig } from './resolve/config.ts'
import { configSchema } from './schema.ts'
import { checkListeners, checkUpstreams } from './traffic-checks.ts'
import type { LoadResult, Problem } from './types/problem.ts'
import { takeOutUnavailable } from './unavailable.ts'

/** Largest configuration file: 4 MiB. */
export const maxFileBytes = 4 * 1024 ** 2

/**
 * Reads and checks a configuration file. Relative paths in it start at its folder. Whatever is wrong, with the
 * file, the YAML or the configuration, is in the result: nothing is thrown.
 */
export function loadConfig(file: string): LoadResult {
  let bytes: Buffer
  try {
    const read = readFile(file)
    if (typeof read === 'string') return failed(file, read)
    bytes = read
  } catch (error) {
    return failed(file, `${fileErrorText(error)}, expected a configuration file`)
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    const lines = bytes.toString('utf8').split('\ufffd', 1)[0]!.split('\n')
    const [line, column] = [lines.length, lines[lines.length - 1]!.length + 1]
    return failed(file, 'not text in UTF-8, expected a YAML file', line, column)
  }
  return parseConfig(text, file, dirname(resolve(file)))
}

function readFile(file: string): Buffer | string {
  const descriptor = openSync(file, 'r')
  try {
    if (fstatSync(descriptor).isDirectory()) return 'it is a folder, expected a configuration file'
    // In steps, because a pipe or a device does not say how much will come.
    const bytes = Buffer.alloc(maxFileBytes + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(descriptor, bytes, length, bytes.length - length, null)
    }
    return length > maxFileBytes ? tooLarge : bytes.subarray(0, length)
  } finally {
    closeSync(descriptor)
  }
}

const tooLarge = 'the file is larger than 4 MiB, expected a configuration of some kilobytes'

/**
 * Checks a configuration. `fileName` stands in the problems; relative paths in the text start at `baseDir`.
 * Nothing is thrown, and all problems come at once, in the order of the file.
 */
export function parseConfig(text: string, fileName: string, baseDir: string): LoadResult {
  if (Buffer.byteLength(text) > maxFileBytes) return failed(fileName, tooLarge)
  // Without the byte order mark, so that columns are those an editor shows.
  const document = new SourceDocument(text.replace(/^\ufeff/, ''), fileName)
  const problems: Problem[] = [...document.problems]
  const warnings: Problem[] = []
  const { data } = document
  if (data === undefined) return { ok: false, problems: sortProblems(problems) }

  const unavailable = takeOutUnavailable(data)
  for (const { path, message } of unavailable) problems.push(document.problem(path, message))
  const excused = new Set(unavailable.flatMap(({ standsFor }) => standsFor.map(formatPath)))

  const checked = configSchema.safeParse(data)
  if (!checked.success) {
    for (const problem of schemaProblems(checked.error.issues, document)) {
      if (!(excused.has(problem.path) && problem.message.startsWith('missing'))) problems.push(problem)
    }
  }

  const root = new Part(data)
  const problemAt = (path: readonly (string | number)[], message: string) =>
    problems.push(document.problem(path, message))
  const warningAt = (path: readonly (string | number)[], message: string) =>
    warnings.push(document.problem(path, message))
  if (root.isMapping) {
    checkProcess(root, baseDir, problemAt, warningAt)
    checkListeners(root, problemAt, warningAt)
    checkUpstreams(root, problemAt)
    checkHttp2(root, problemAt)
    checkBalance(root, baseDir, problemAt, warningAt)
  }

  if (problems.length > 0 || !checked.success) return { ok: false, problems: sortProblems(problems) }
  return {
    ok: true,
    config: deepFreeze(resolveConfig(checked.data, baseDir)),
    warnings: sortProblems(warnings),
  }
}

function failed(file: string, message: string, line = 1, column = 1): LoadResult {
  return { ok: false, problems: [{ file, line, column, path: '', message }] }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
