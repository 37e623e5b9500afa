import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the checkout, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export interface Import {
  /** Path from the root of the checkout, or the specifier of a package or of a Node.js module. */
  readonly target: string
  readonly own: boolean
  /** True when the whole statement vanishes at build. */
  readonly typeOnly: boolean
}

export interface Source {
  /** Path from the root of the checkout. */
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

const SKIPPED = new Set(['node_modules', 'results', '__pycache__', '.venv'])

/** Every TypeScript file below `folders`, sorted by path. */
export function readSources(folders: readonly string[]): Source[] {
  return folders
    .flatMap((folder) => filesBelow(folder))
    .filter((path) => path.endsWith('.ts'))
    .map((path) => parse(path, readFileSync(join(ROOT, path), 'utf8')))
}

/** Paths of all files below a folder of the checkout, sorted. */
export function filesBelow(folder: string): string[] {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true })
  const visible = entries.filter(({ name }) => !SKIPPED.has(name)).sort((a, b) => (a.name < b.name ? -1 : 1))
  return visible.flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesBelow(path) : [path]
  })
}

const STATIC = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm
const DYNAMIC = /\bimport\('([^']+)'\)/g
const INLINE_TYPES = /^(?:import|export)\s+\{\s*(?:type\s+\w+(?:\s+as\s+\w+)?\s*,?\s*)+\}\s+from/

function parse(path: string, text: string): Source {
  const code = withoutComments(text)
  const statements = [...code.matchAll(STATIC)].map((found) => {
    const typeOnly = found[1] !== undefined || INLINE_TYPES.test(found[0])
    return importOf(path, found[2]!, typeOnly)
  })
  const calls = [...code.matchAll(DYNAMIC)].map((found) => importOf(path, found[1]!, false))
  return { path, text, imports: [...statements, ...calls] }
}

function importOf(path: string, specifier: string, typeOnly: boolean): Import {
  const own = specifier.startsWith('.')
  return { target: own ? normalize(join(dirname(path), specifier)) : specifier, own, typeOnly }
}

/** Good enough for code in this repository's style: comments on lines of their own, and `/* *\/` blocks. */
export function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, '').replace(/^\s*\/\/.*$/gm, '')
}
