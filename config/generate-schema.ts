// Writes what is generated from the schema: `node --import=tsx config/generate-schema.ts`.
import { readFileSync, writeFileSync } from 'node:fs'
import { configJsonSchemaText } from './json-schema.ts'
import { withReference } from './reference.ts'

const schemaFile = new URL('pillion.schema.json', import.meta.url)
const pageFile = new URL('../docs/configuration.md', import.meta.url)

writeFileSync(schemaFile, configJsonSchemaText())
writeFileSync(pageFile, withReference(readFileSync(pageFile, 'utf8')))
