import { SourceDocument } from './document.ts'
import { endpointSchema } from './endpoint-schema.ts'
import { schemaProblems } from './issues.ts'
import * as kind from './kinds.ts'
import { Part } from './part.ts'
import { formatProblem, sortProblems } from './problems.ts'
import { resolveEndpoint } from './resolve/endpoint.ts'
import { readSource } from './source-file.ts'
import { checkEndpoints } from './traffic-checks.ts'
import type { Problem } from './types/problem.ts'
import type { EndpointConfig } from './types/upstream.ts'

const expected = 'a list of addresses such as [10.0.0.1:8080], or [] for none'
const endpointsSchema = kind.list(endpointSchema, expected, 0)

export type EndpointsResult =
  | { readonly ok: true; readonly endpoints: readonly EndpointConfig[] }
  /** Each problem is a line `file:line:column: path: what is wrong, what would be right`. */
  | { readonly ok: false; readonly readable: boolean; readonly problems: readonly string[] }

/** Reads and checks a file of endpoints, YAML or JSON. Whatever is wrong is in the result: nothing is thrown. */
export function loadEndpoints(file: string): EndpointsResult {
  const source = readSource(file, 'a list of endpoints', true)
  if (typeof source !== 'string') return failed([source], false)
  const document = new SourceDocument(source.replace(/^\ufeff/, ''), file, expected)
  const { data } = document
  if (data === undefined) return failed(document.problems)
  const problems: Problem[] = [...document.problems]
  const checked = endpointsSchema.safeParse(data)
  if (!checked.success) problems.push(...schemaProblems(checked.error.issues, document))
  checkEndpoints(new Part(data), (path, message) => problems.push(document.problem(path, message)))
  if (problems.length > 0 || !checked.success) return failed(problems)
  return { ok: true, endpoints: checked.data.map(resolveEndpoint) }
}

function failed(problems: readonly Problem[], readable = true): EndpointsResult {
  return { ok: false, readable, problems: sortProblems(problems).map(formatProblem) }
}
