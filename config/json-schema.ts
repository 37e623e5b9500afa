import { z } from 'zod'
import { configSchema } from './schema.ts'

/** The part of JSON Schema (draft 7) that the configuration's schema consists of. */
export interface JsonSchema {
  readonly title?: string
  readonly description?: string
  readonly type?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: JsonSchema | false
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
}

/** JSON Schema of the configuration as written, for editors. Checks across keys are not in it. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' }) as JsonSchema
  return { ...schema, title: 'Configuration of the Pillion sidecar proxy' }
}

/** The text of `config/pillion.schema.json`. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`
}
