import { dirname, resolve } from 'node:path'
import { checkApp } from './app-checks.ts'
import { checkBalance } from './balance-checks.ts'
import { checkProcess } from './cross-checks.ts'
import { checkDiscovery } from './discovery-checks.ts'
import { SourceDocument } from './document.ts'
import { checkHttp2 } from './http2-checks.ts'
import { schemaProblems } from './issues.ts'
import { checkOverload } from './overload-checks.ts'
import { Part } from './part.ts'
import { formatPath, sortProblems } from './problems.ts'
import { resolveConfig } from './resolve/config.ts'
import { configSchema } from './schema.ts'
import { maxFileBytes, readSource } from './source-file.ts'
import { checkListeners, checkUpstreams } from './traffic-checks.ts'
import type { LoadResult, Problem } from './types/problem.ts'
import { takeOutUnavailable } from './unavailable.ts'

/**
 * Reads and checks a configuration file. Relative paths in it start at its folder. Whatever is wrong, with the
 * file, the YAML or the configuration, is in the result: nothing is thrown. A `command` replaces `app.command`, and
 * whether it can be run is left to the caller.
 */
export function loadConfig(file: string, command: readonly string[] = []): LoadResult {
  const source = readSource(file, 'a configuration file')
  if (typeof source !== 'string') return { ok: false, problems: [source] }
  return parseConfig(source, file, dirname(resolve(file)), command)
}

const tooLarge = 'the file is larger than 4 MiB, expected a configuration file of some kilobytes'

/**
 * Checks a configuration. `fileName` stands in the problems; relative paths in the text start at `baseDir`.
 * Nothing is thrown, and all problems come at once, in the order of the file.
 */
export function parseConfig(
  text: string,
  fileName: string,
  baseDir: string,
  command: readonly string[] = [],
): LoadResult {
  if (Buffer.byteLength(text) > maxFileBytes) return failed(fileName, tooLarge)
  // Without the byte order mark, so that columns are those an editor shows.
  const document = new SourceDocument(text.replace(/^\ufeff/, ''), fileName)
  const problems: Problem[] = [...document.problems]
  const warnings: Problem[] = []
  const { data } = document
  if (data === undefined) return { ok: false, problems: sortProblems(problems) }

  if (command.length > 0) replaceCommand(data, command)
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
  const problemAt = (path: readonly (string | number)[], message: string) => {
    if (!(message.startsWith('missing') && excused.has(formatPath(path))))
      problems.push(document.problem(path, message))
  }
  const warningAt = (path: readonly (string | number)[], message: string) =>
    warnings.push(document.problem(path, message))
  if (root.isMapping) {
    checkProcess(root, baseDir, problemAt, warningAt)
    checkListeners(root, problemAt, warningAt)
    checkUpstreams(root, problemAt)
    checkDiscovery(root, baseDir, problemAt, warningAt)
    checkHttp2(root, problemAt)
    checkBalance(root, baseDir, problemAt, warningAt)
    checkOverload(root, problemAt, warningAt)
    checkApp(root, baseDir, command.length > 0, problemAt, warningAt)
  }

  if (problems.length > 0 || !checked.success) return { ok: false, problems: sortProblems(problems) }
  return {
    ok: true,
    config: deepFreeze(resolveConfig(checked.data, baseDir)),
    warnings: sortProblems(warnings),
  }
}

/** What is no mapping is left for the schema to find. */
function replaceCommand(data: unknown, command: readonly string[]): void {
  const root = new Part(data)
  const app = root.get('app')
  if (!root.isMapping || (app.exists && !app.isMapping)) return
  Reflect.set(data as object, 'app', { ...(app.value as object | undefined), command: [...command] })
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
