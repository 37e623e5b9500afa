import type { Problem } from './types/problem.ts'

/** Keys and indexes from the top of the document. */
export type Path = readonly (string | number)[]

/** `listeners[0].routes[1].upstream`; a key that is not a plain word stands in brackets and quotes. */
export function formatPath(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (/^[A-Za-z0-9_/-]+$/.test(part)) text += text === '' ? part : `.${part}`
    else text += `[${JSON.stringify(part)}]`
  }
  return text
}

/** `file:line:column: path: message`, the path left out for the file as a whole. */
export function formatProblem(problem: Problem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`
  return problem.path === ''
    ? `${place}: ${problem.message}`
    : `${place}: ${problem.path}: ${problem.message}`
}

/** By their place in the file, each only once. */
export function sortProblems(problems: Iterable<Problem>): Problem[] {
  const unique = new Map<string, Problem>()
  for (const problem of problems) unique.set(formatProblem(problem), problem)
  return [...unique.values()].sort(
    (a, b) =>
      a.line - b.line || a.column - b.column || compare(a.path, b.path) || compare(a.message, b.message),
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** A value as a message shows it: in back-quotes, on one line, cut at 60 characters. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (value === '') return 'an empty string'
  const text = typeof value === 'string' ? showText(value) : String(value)
  return `\`${text.length > 60 ? `${text.slice(0, 57)}...` : text}\``
}

/** Escaped to one line; in quotes only where it would look like a number or another plain value. */
function showText(text: string): string {
  const quoted = JSON.stringify(text)
  return /^(true|false|null)$/.test(text) || !Number.isNaN(Number(text))
    ? quoted
    : quoted.slice(1, -1).replaceAll('\\"', '"')
}

/** `a`, `a or b`, `a, b or c`. */
export function listWords(words: readonly string[], last: 'or' | 'and' = 'or'): string {
  if (words.length < 2) return words.join('')
  return `${words.slice(0, -1).join(', ')} ${last} ${words[words.length - 1]}`
}
