import type { z } from 'zod'
import type { SourceDocument } from './document.ts'
import { formatPath, listWords, type Path } from './problems.ts'
import { suggest } from './suggest.ts'
import type { Problem } from './types/problem.ts'

type Issue = z.core.$ZodIssue

/** The schema's findings as problems. Their messages come from `kinds.ts`; here they get their places. */
export function* schemaProblems(
  issues: readonly Issue[],
  document: SourceDocument,
  above: Path = [],
): Generator<Problem> {
  const mistyped = new Set(issues.flatMap(mistypedKeys))
  for (const issue of issues) {
    // A key that is there under a mistyped name is not missing as well.
    if (mistyped.has(formatPath(issue.path as Path)) && issue.message.startsWith('missing')) continue
    const path = [...above, ...(issue.path as Path)]
    switch (issue.code) {
      case 'unrecognized_keys':
        for (const key of issue.keys) {
          yield document.problem([...path, key], unknownKey(key, issue.message.split(' ')), 'key')
        }
        break
      case 'invalid_union': {
        const form = issue.errors.find((errors) => errors.every((error) => !isOtherForm(error)))
        if (form === undefined || form.length === 0) yield document.problem(path, issue.message)
        else yield* schemaProblems(form, document, path)
        break
      }
      case 'invalid_key':
        yield document.problem(path, `${issue.issues[0]?.message ?? issue.message} as its key`, 'key')
        break
      default:
        yield document.problem(path, issue.message)
    }
  }
}

/** Paths of the keys that unknown ones probably mean. */
function mistypedKeys(issue: Issue): string[] {
  if (issue.code !== 'unrecognized_keys') return []
  const known = issue.message.split(' ')
  const meant = issue.keys.map((key) => suggest(key, known)).filter((key) => key !== null)
  return meant.map((key) => formatPath([...(issue.path as Path), key]))
}

/** Whether the value is not of this form at all, as against being of the form and wrong inside. */
function isOtherForm(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value')
}

function unknownKey(key: string, known: readonly string[]): string {
  const candidate = suggest(key, known)
  if (candidate !== null) return `unknown key \`${key}\`, did you mean \`${candidate}\`?`
  if (known.join('') === '') return `unknown key \`${key}\`, expected no key here`
  return `unknown key \`${key}\`, expected ${listWords(known)}`
}
