/**
 * Reads a configuration file: YAML to values, each value's place in the file, and messages as `file:line:column path:
 * message`. Hostile or mistaken files are bounded: 1 MiB, 100 aliases, one document, no duplicate keys.
 */
import { Result, Schema, SchemaIssue } from "effect"
import { type Document, isCollection, isNode, isPair, isScalar, LineCounter, parseDocument } from "yaml"
import { withAbsolutePaths } from "./file-paths.ts"
import { NativeConfig } from "./native-schema.ts"

/** Longest file, in characters. */
export const configLengthMax = 1024 * 1024
/** More problems than this are not told: the first ones are the cause. */
const problemsMax = 20

/** Keys and indexes from the top of the document. */
export type ConfigPath = ReadonlyArray<PropertyKey>

const decode = Schema.decodeUnknownResult(NativeConfig, { errors: "all", onExcessProperty: "error" })
const listIssues = SchemaIssue.makeFormatterStandardSchemaV1()

/** `targets[0].luns[1]`. */
const pathText = (path: ConfigPath): string =>
  path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    ""
  )

/** What schemas say, in the words of someone who writes a file. */
const plainMessage = (message: string, allowedKeys: string): string =>
  message
    .replace(/^Expected no excess property$/u, `is not known here${allowedKeys}`)
    .replace(/^Missing key$/u, "is missing")
    .replace(
      /^Expected \{ readonly "type".*$/u,
      "has no type that is known; use type: malloc, null, aio, delay or error"
    )

/** A file that has the right form. */
export class NativeFile {
  readonly config: NativeConfig
  readonly #name: string
  readonly #document: Document
  readonly #lines: LineCounter

  constructor(name: string, config: NativeConfig, document: Document, lines: LineCounter) {
    this.#name = name
    this.config = config
    this.#document = document
    this.#lines = lines
  }

  /** A message about what is at `path`; at a value in it that `message` quotes, if there is one. */
  problem(path: ConfigPath, message: string): string {
    return problemAt(this.#name, this.#document, this.#lines, path, message)
  }
}

const nodeAt = (document: Document, path: ConfigPath): unknown => {
  let node: unknown
  // A key that is missing has no place: its parent has.
  for (let length = path.length; length >= 0 && !isNode(node); length--) {
    node = document.getIn(path.slice(0, length), true)
  }
  return node
}

/** What a message has in quotes. */
const quotedTexts = (message: string): ReadonlyArray<string> =>
  [...message.matchAll(/"([^"]+)"/gu)].flatMap(([, text]) => (text === undefined ? [] : [text]))

/** The first scalar in a node that is one of `texts`, or begins with one and a colon (a host and its port). */
const scalarWith = (node: unknown, texts: ReadonlyArray<string>): unknown => {
  if (isScalar(node)) {
    const { value } = node
    return typeof value === "string" && texts.some((text) => value === text || value.startsWith(`${text}:`))
      ? node
      : undefined
  }
  if (!isCollection(node)) return undefined
  for (const item of node.items) {
    const found = scalarWith(isPair(item) ? item.value : item, texts)
    if (found !== undefined) return found
  }
  return undefined
}

const place = (name: string, lines: LineCounter, offset: number): string => {
  const { col, line } = lines.linePos(offset)
  return `${name}:${line}:${col}`
}

const problemAt = (name: string, document: Document, lines: LineCounter, path: ConfigPath, message: string): string => {
  const node = nodeAt(document, path)
  const best = scalarWith(node, quotedTexts(message)) ?? node
  const offset = isNode(best) ? (best.range?.[0] ?? 0) : 0
  return `${place(name, lines, offset)} ${path.length === 0 ? "" : `${pathText(path)}: `}${message}`
}

/** Keys that a map may have where an unknown one was found; from the schema's own description of it. */
const knownKeys = (path: ConfigPath): string => {
  const section = path.length === 1 ? NativeConfig.fields : path[0] === "options" ? optionsFields : undefined
  return section === undefined ? "" : `; known are ${Object.keys(section).join(", ")}`
}

const optionsFields = NativeConfig.fields.options.schema.fields

const formProblems = (name: string, document: Document, lines: LineCounter, error: Schema.SchemaError) =>
  listIssues(error.issue).issues.map(({ message, path = [] }) => {
    const keys = path.map((part) => (typeof part === "object" ? part.key : part))
    return problemAt(name, document, lines, keys, plainMessage(message, knownKeys(keys)))
  })

/** `type: null` is YAML for no value at all, and what a user writes for a null bdev. */
const typeNull = (key: unknown, value: unknown): unknown => (key === "type" && value === null ? "null" : value)

/** The file, or every problem with its form. `name` is how messages call it. */
export const readNativeFile = (name: string, source: string): Result.Result<NativeFile, ReadonlyArray<string>> => {
  if (source.length > configLengthMax) {
    return Result.fail([`${name}: is longer than ${configLengthMax} characters; split the configuration`])
  }
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false })
  if (document.errors.length > 0) {
    return Result.fail(
      document.errors.slice(0, problemsMax).map((error) => `${place(name, lines, error.pos[0])} ${error.message}`)
    )
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100, reviver: typeNull }) ?? {}
  } catch (error) {
    return Result.fail([`${name}: ${error instanceof Error ? error.message : String(error)}`])
  }
  const decoded = decode(value)
  if (Result.isFailure(decoded)) {
    return Result.fail(formProblems(name, document, lines, decoded.failure).slice(0, problemsMax))
  }
  return Result.succeed(new NativeFile(name, withAbsolutePaths(decoded.success, name), document, lines))
}
