/**
 * One YAML text (JSON is YAML too): its value, and where in it things are. Hostile or mistaken texts are bounded: their
 * length, 100 aliases, one document, no duplicate keys.
 */
import { Result } from "effect"
import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  type YAMLError
} from "yaml"

/** Keys and indexes from the top of a text. */
export type ConfigPath = ReadonlyArray<PropertyKey>

/** Longest text, in characters. */
export const configLengthMax = 4 * 1024 * 1024
const aliasesMax = 100

/** What the parser and the engine say when maps and lists are nested beyond the stack, or contain themselves. */
const stackMessage = /call stack/u
const nestedTooDeeply = "maps and lists are nested too deeply"

/** `targets[0].luns[1]`. */
export const pathText = (path: ConfigPath): string =>
  path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    ""
  )

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

/** `type: null` is YAML for no value at all, and what a user writes for a null bdev. */
const typeNull = (key: unknown, value: unknown): unknown => (key === "type" && value === null ? "null" : value)

/** A text as the parser knows it. */
interface Parsed {
  readonly document: Document
  readonly lines: LineCounter
}

const parseWhole = (text: string): Parsed => {
  const lines = new LineCounter()
  return { lines, document: parseDocument(text, { lineCounter: lines, prettyErrors: false }) }
}

/** A text that is well-formed. */
export class YamlText {
  /** How messages call it: its path. */
  readonly name: string
  /** Plain values; nothing at all is an empty map. */
  readonly value: unknown
  readonly #parsed: Parsed

  private constructor(name: string, value: unknown, parsed: Parsed) {
    this.name = name
    this.value = value ?? {}
    this.#parsed = parsed
  }

  /** The text, or what is wrong with its form, as `name:line:column message`. */
  static parse(name: string, text: string): Result.Result<YamlText, ReadonlyArray<string>> {
    if (text.length > configLengthMax) {
      return Result.fail([`${name}: is longer than ${configLengthMax} characters; split it with include`])
    }
    try {
      const whole = parseWhole(text)
      const { document, lines } = whole
      if (document.errors.length > 0) {
        const tooDeep = document.errors.find(({ message }) => stackMessage.test(message))
        if (tooDeep !== undefined) return Result.fail([`${placeAt(name, lines, tooDeep.pos[0])} ${nestedTooDeeply}`])
        return Result.fail(document.errors.map((error) => yamlProblem(name, document, lines, error)))
      }
      const strange = keyThatIsNoText(document.contents)
      if (strange !== undefined)
        return Result.fail([`${placeOf(name, lines, strange)} a key is a text, not ${wordFor(strange)}`])
      const value: unknown = document.toJS({ maxAliasCount: aliasesMax, reviver: typeNull })
      return Result.succeed(new YamlText(name, value, whole))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return Result.fail([`${name}: ${stackMessage.test(why) ? nestedTooDeeply : why}`])
    }
  }

  /** `name:line:column` of what is at `path`, else of what it would be in. */
  place(path: ConfigPath): string {
    return placeOf(this.name, this.#parsed.lines, this.#nodeAt(path))
  }

  /** A message about a key that must not be there, at the key itself; its path is that of the map. */
  problemAtKey(path: ConfigPath, message: string): string {
    const parent = path.slice(0, -1)
    const map = this.#nodeAt(parent)
    const pair = isMap(map) ? map.items.find(({ key }) => keyText(key) === String(path.at(-1))) : undefined
    return messageAt(placeOf(this.name, this.#parsed.lines, pair?.key ?? map), parent, message)
  }

  /** The value at `path` as it is written: references are not resolved. */
  written(path: ConfigPath): unknown {
    const node = this.#parsed.document.getIn(path, true)
    return isScalar(node) ? node.value : isCollection(node) ? node.toJS(this.#parsed.document) : undefined
  }

  /** A message about what is at `path`; at a value in it that `message` quotes, if there is one. */
  problem(path: ConfigPath, message: string): string {
    const node = this.#nodeAt(path)
    const place = placeOf(this.name, this.#parsed.lines, scalarWith(node, quotedTexts(message)) ?? node)
    return messageAt(place, path, message)
  }

  /** A key that is missing has no node: what it would be in has. */
  #nodeAt(path: ConfigPath): unknown {
    let node: unknown
    for (let length = path.length; length >= 0 && !isNode(node); length--) {
      node = this.#parsed.document.getIn(path.slice(0, length), true)
    }
    return node
  }
}

/** `PLACE PATH: MESSAGE`; what is about the whole has no path. */
export const messageAt = (place: string, path: ConfigPath, message: string): string =>
  path.length === 0 ? `${place} ${message}` : `${place} ${pathText(path)}: ${message}`

const keyText = (key: unknown): string => String(isScalar(key) ? key.value : key)

const placeAt = (name: string, lines: LineCounter, offset: number): string => {
  const { col, line } = lines.linePos(offset)
  // An empty text has no line.
  return `${name}:${Math.max(line, 1)}:${Math.max(col, 1)}`
}

const placeOf = (name: string, lines: LineCounter, node: unknown): string =>
  placeAt(name, lines, isNode(node) ? (node.range?.[0] ?? 0) : 0)

/** The first key that is a map or a list, as YAML allows it. */
const keyThatIsNoText = (node: unknown): unknown => {
  if (!isCollection(node)) return undefined
  for (const item of node.items) {
    if (isPair(item) && isCollection(item.key)) return item.key
    const found = keyThatIsNoText(isPair(item) ? item.value : item)
    if (found !== undefined) return found
  }
  return undefined
}

const wordFor = (node: unknown): string => (isMap(node) ? "a map" : "a list")

const plainMessages: ReadonlyMap<string, string> = new Map([
  ["MULTIPLE_DOCS", "a second document begins here; a file is one"],
  ["TAB_AS_INDENT", "is indented by a tab; use spaces"]
])

const yamlProblem = (name: string, document: Document, lines: LineCounter, error: YAMLError): string => {
  const place = placeAt(name, lines, error.pos[0])
  if (error.code !== "DUPLICATE_KEY") return `${place} ${plainMessages.get(error.code) ?? error.message}`
  const pair = duplicatesAt(document.contents, error.pos[0])
  if (pair === undefined) return `${place} ${error.message}`
  return `${place} key ${JSON.stringify(pair.key)} is given twice; first at ${placeAt(name, lines, pair.first)}`
}

/** The key at an offset, and where a key of the same name is before it. */
const duplicatesAt = (node: unknown, offset: number): { readonly key: string; readonly first: number } | undefined => {
  if (!isCollection(node)) return undefined
  for (const item of node.items) {
    if (isPair(item) && isMap(node) && isNode(item.key) && item.key.range?.[0] === offset) {
      const key = keyText(item.key)
      const first = node.items.find((other) => keyText(other.key) === key)?.key
      return { key, first: isNode(first) ? (first.range?.[0] ?? 0) : 0 }
    }
    const found = duplicatesAt(isPair(item) ? item.value : item, offset)
    if (found !== undefined) return found
  }
  return undefined
}
