/** What is wrong with the form of a configuration, in the words of someone who writes one. */
import { type Schema, SchemaAST, SchemaIssue } from "effect"
import { suggestion } from "./closest.ts"
import { pathKey } from "./interpolate.ts"
import { NativeConfig } from "./native-schema.ts"
import type { ConfigPath, YamlText } from "./YamlText.ts"

const listIssues = SchemaIssue.makeFormatterStandardSchemaV1()

/** Keys whose values are shown to nobody, also if they have the wrong form. */
const secretKeys: ReadonlySet<PropertyKey> = new Set(["secret", "mutualSecret", "secrets"])
/** Longest value in a message, in characters. */
const shownMax = 60

/** How messages call what a schema calls otherwise. */
const kinds: ReadonlyMap<string, string> = new Map([
  ["string", "a text"],
  ["number", "a number"],
  ["a finite number", "a number"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["object", "a map of keys and values"],
  ["string | number", "a number or a text"],
  ["number | string", "a number or a text"]
])

const literalOf = (ast: SchemaAST.AST): string | undefined =>
  SchemaAST.isLiteral(ast) && typeof ast.literal === "string" ? ast.literal : undefined

const typeOf = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "type" in value ? value.type : undefined

/** The literals that members of a union have as `type`. */
const typesOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  SchemaAST.isUnion(ast) ? ast.types.flatMap((member) => typeLiteral(member) ?? []) : []

const typeLiteral = (ast: SchemaAST.AST): string | undefined => {
  const type = SchemaAST.isObjects(ast) ? ast.propertySignatures.find(({ name }) => name === "type")?.type : undefined
  return type === undefined ? undefined : literalOf(type)
}

const memberAt = (value: unknown, key: PropertyKey): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined

const below = (ast: SchemaAST.AST, key: PropertyKey): SchemaAST.AST | undefined => {
  if (SchemaAST.isArrays(ast)) return ast.rest[0]
  return SchemaAST.isObjects(ast) ? ast.propertySignatures.find(({ name }) => name === key)?.type : undefined
}

/** The member of a union that `value` says it is by its type; else the union. */
const chosen = (ast: SchemaAST.AST, value: unknown): SchemaAST.AST => {
  const type = typeOf(value)
  if (type === undefined || !SchemaAST.isUnion(ast)) return ast
  return ast.types.find((member) => typeLiteral(member) === type) ?? ast
}

/** The part of the schema that is about what is at `path` in `value`. */
const schemaAt = (value: unknown, path: ConfigPath): SchemaAST.AST | undefined => {
  let ast: SchemaAST.AST | undefined = NativeConfig.ast
  let at = value
  for (const key of path) {
    ast = ast === undefined ? undefined : below(ast, key)
    at = memberAt(at, key)
    ast = ast === undefined ? undefined : chosen(ast, at)
  }
  return ast
}

const keysOf = (ast: SchemaAST.AST | undefined): ReadonlyArray<string> =>
  ast !== undefined && SchemaAST.isObjects(ast) ? ast.propertySignatures.map(({ name }) => String(name)) : []

/** The value as it is written, unless it is a secret; undefined if it is not worth showing. */
const shown = (text: YamlText, path: ConfigPath): string | undefined => {
  if (path.some((key) => secretKeys.has(key))) return undefined
  const value = text.written(path)
  // What an alias stands for is written elsewhere.
  if (value === undefined) return undefined
  if (value === null) return "nothing"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "object") return "a map"
  const json = typeof value === "number" ? String(value) : JSON.stringify(value)
  return json.length > shownMax ? `${json.slice(0, shownMax)}…` : json
}

const unknownType = (text: YamlText, path: ConfigPath, ast: SchemaAST.AST | undefined): string => {
  const types = ast === undefined ? [] : typesOf(ast)
  const value = text.written(path)
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return text.problem(path, `expected a map of keys and values, found ${shown(text, path)}`)
  }
  const type = typeOf(value)
  if (type === undefined) return text.problem(path, `key "type" is missing; use ${types.join(", ")}`)
  const name = String(type)
  return text.problem([...path, "type"], `unknown type ${JSON.stringify(name)}${suggestion(name, types)}`)
}

const problemOf = (text: YamlText, value: unknown, path: ConfigPath, message: string): string => {
  const parent = path.slice(0, -1)
  const key = JSON.stringify(String(path.at(-1) ?? ""))
  if (message === "Expected no excess property") {
    const known = keysOf(schemaAt(value, parent))
    const what = `unknown key ${key}${suggestion(String(path.at(-1)), known)}`
    return text.problemAtKey(path, what)
  }
  if (message === "Missing key") return text.problem(parent, `key ${key} is missing`)
  if (message.startsWith("Expected {")) return unknownType(text, path, schemaAt(value, path))
  const found = shown(text, path)
  if (message.startsWith("Expected ")) {
    const expected = message.slice("Expected ".length)
    const quoted = expected === "string" && /^(?:[\d.-]+|true|false)$/u.test(String(text.written(path)))
    const words = [...expected.matchAll(/"([^"]+)"/gu)].flatMap(([, word]) => word ?? [])
    const oneOf = words.length > 1 ? `one of ${words.join(", ")}` : expected
    const what = `expected ${kinds.get(expected) ?? oneOf}${found === undefined ? "" : `, found ${found}`}`
    return text.problem(path, quoted ? `${what}; put it into quotes` : what)
  }
  // The message of a filter is the predicate of a sentence about the value.
  return text.problem(path, `${found === undefined || found === "a map" ? "" : `${found} `}${message}`)
}

/** Every mistake of form in `value`, which was read from `text`; but for paths (`pathKey`) of which worse is `told`. */
export const formProblems = (
  text: YamlText,
  value: unknown,
  error: Schema.SchemaError,
  told: ReadonlySet<string>
): ReadonlyArray<string> =>
  listIssues(error.issue).issues.flatMap(({ message, path = [] }) => {
    const keys = path.map((part) => (typeof part === "object" ? part.key : part))
    return told.has(pathKey(keys)) ? [] : [problemOf(text, value, keys, message)]
  })
