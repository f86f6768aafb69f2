/** The native format for editors: JSON Schema, draft 2020-12, made of the schema that files are checked with. */
import { Schema } from "effect"
import { NativeConfig } from "./native-schema.ts"

/** YAML takes `type: null` for no value, and so do validators; it means a null bdev all the same. */
const withTypeNull = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && "enum" in value && JSON.stringify(value.enum) === '["null"]'
    ? { enum: ["null", null] }
    : value

/** The whole document, as text. */
export const jsonSchemaText = (): string => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(NativeConfig, { onExcessProperty: "error" })
  const document = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Configuration of lunlog",
    ...schema,
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions })
  }
  return `${JSON.stringify(document, withTypeNull, 2)}\n`
}
