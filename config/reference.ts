import { configJsonSchema, type JsonSchema } from './json-schema.ts'

const begin =
  '<!-- reference: begin. Generated from the schema by config/generate-schema.ts; do not edit. -->'
const end = '<!-- reference: end -->'

interface Row {
  readonly key: string
  readonly type: string
  readonly fallback: string
  readonly meaning: string
}

interface Section {
  readonly path: string
  readonly rows: Row[]
}

/** The page with the reference between its markers made anew. Throws an `Error` when the markers are missing. */
export function withReference(page: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from)
    throw new Error('docs/configuration.md: the markers of the reference are missing')
  return `${page.slice(0, from + begin.length)}\n\n${referenceText()}\n${page.slice(to)}`
}

/** Every key with its type, default and meaning, a table for each mapping that is repeated. */
export function referenceText(): string {
  const sections: Section[] = []
  addSection('', configJsonSchema(), sections)
  return sections.map(sectionText).join('\n')
}

function sectionText({ path, rows }: Section): string {
  const lines = rows.map(
    ({ key, type, fallback, meaning }) => `| \`${key}\` | ${type} | ${fallback} | ${meaning} |`,
  )
  const title = path === '' ? 'Top level' : `\`${path}\``
  return [`### ${title}`, '', '| key | type | default | meaning |', '|---|---|---|---|', ...lines, ''].join(
    '\n',
  )
}

function addSection(path: string, schema: JsonSchema, sections: Section[]): void {
  const rows: Row[] = []
  sections.push({ path, rows })
  const later: [string, JsonSchema][] = []
  addRows('', schema, rows, later)
  for (const [below, inner] of later) addSection(path === '' ? below : `${path}.${below}`, inner, sections)
}

function addRows(prefix: string, schema: JsonSchema, rows: Row[], later: [string, JsonSchema][]): void {
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const path = prefix + key
    rows.push({
      key: path,
      type: typeText(property).replaceAll('|', '\\|'),
      fallback: fallbackText(property, schema.required?.includes(key) === true),
      meaning: (property.description ?? '').replaceAll('|', '\\|'),
    })
    for (const form of property.anyOf ?? [property]) {
      const items = form.items?.anyOf?.find(isMapping) ?? form.items
      const values = form.additionalProperties || undefined
      if (isMapping(form)) addRows(`${path}.`, form, rows, later)
      else if (items && isMapping(items) && !isShown(items, property)) later.push([`${path}[]`, items])
      else if (values && isMapping(values)) later.push([`${path}.<name>`, values])
      else if (values?.anyOf?.some(isMapping))
        addRows(`${path}.<name>.`, values.anyOf.find(isMapping)!, rows, later)
    }
  }
}

/** Whether a list's items look like the mapping that may stand in place of the list: they are listed once. */
function isShown(items: JsonSchema, property: JsonSchema): boolean {
  const keys = JSON.stringify(items.properties)
  return property.anyOf?.some((form) => JSON.stringify(form.properties) === keys) === true
}

function isMapping(schema: JsonSchema): boolean {
  return schema.properties !== undefined && Object.keys(schema.properties).length > 0
}

function fallbackText(schema: JsonSchema, required: boolean): string {
  if (required) return 'required'
  const value = schema.default
  if (value === undefined || (typeof value === 'object' && JSON.stringify(value).length === 2)) return ''
  return `\`${typeof value === 'string' && value !== '' ? value : JSON.stringify(value)}\``
}

function typeText(schema: JsonSchema): string {
  if (schema.title) return schema.title
  if (schema.anyOf)
    return [...new Set(schema.anyOf.filter((form) => form.const !== false).map(typeText))].join(' or ')
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ')
  if (schema.const !== undefined) return `\`${schema.const}\``
  if (schema.type === 'array') return `list of ${schema.items ? plural(typeText(schema.items)) : 'values'}`
  if (schema.type === 'object') return 'mapping'
  return schema.type === 'boolean' ? '`true`, `false`' : (schema.type ?? '')
}

function plural(type: string): string {
  return type.replace(/[a-zA-Z]+(?= or |$)/g, (noun) => (noun.endsWith('s') ? `${noun}es` : `${noun}s`))
}
