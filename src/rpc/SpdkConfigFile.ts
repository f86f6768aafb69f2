/**
 * SPDK's JSON configuration file: calls by subsystem, as `rpc.py save_config` writes them, with comments allowed. Read
 * whole and checked before anything is called; each call knows its line. Bounded: 16 MiB, 64 levels, 2 million values.
 */
import { Result } from "effect"
import { JsonParser } from "./JsonParser.ts"
import { JsonObject, JsonText, type JsonValue } from "./json-value.ts"

/** Longest file, in characters. */
export const spdkConfigLengthMax = 16 * 1024 * 1024
const limits = { messageBytesMax: 4 * spdkConfigLengthMax, depthMax: 64, valuesMax: 2_000_000 }
/** More problems than this are not told. */
const problemsMax = 20

/** One call. */
export interface SpdkConfigCall {
  readonly subsystem: string
  readonly method: string
  /** Undefined if absent or null. */
  readonly params: JsonObject | ReadonlyArray<JsonValue> | undefined
  /** `file:line`. */
  readonly place: string
}

/** A file of the right form; whether its methods exist is not known here. */
export interface SpdkConfigFile {
  readonly name: string
  /** In the order of the file. */
  readonly calls: ReadonlyArray<SpdkConfigCall>
}

interface Scan {
  /** The text without comments: as long, with the same lines. */
  readonly text: string
  /** The line of each opening brace, in the order of the text. */
  readonly braceLines: ReadonlyArray<number>
  /** Where a comment begins that does not end. */
  readonly openCommentLine: number | undefined
}

/** Strings, comments, braces and lines: whatever else there is, is kept. */
const tokens = /"(?:[^"\\\n]+|\\.)*"?|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\{|\n/gu

const scan = (source: string): Scan => {
  const braceLines: Array<number> = []
  let line = 1
  let openCommentLine: number | undefined
  const text = source.replace(tokens, (token) => {
    if (token === "{") braceLines.push(line)
    if (!token.startsWith("/")) {
      if (token === "\n") line++
      return token
    }
    if (token.startsWith("/*") && (token.length < 4 || !token.endsWith("*/"))) openCommentLine ??= line
    line += token.split("\n").length - 1
    return token.replace(/[^\n]/gu, " ")
  })
  return { text, braceLines, openCommentLine }
}

/** Whether a text is meant as SPDK's configuration: an object that has `subsystems`. */
export const isSpdkConfig = (source: string): boolean => {
  const { text } = scan(source)
  return /^\s*\{/u.test(text) && /"subsystems"\s*:/u.test(text)
}

/** Objects are met in the order of their braces, so each has the line of its own. */
const linesOf = (root: JsonValue, braceLines: ReadonlyArray<number>): ReadonlyMap<JsonObject, number> => {
  const lines = new Map<JsonObject, number>()
  const visit = (value: JsonValue): void => {
    if (value instanceof JsonObject) {
      lines.set(value, braceLines[lines.size] ?? 1)
      for (const [, member] of value.members) visit(member)
    } else if (Array.isArray(value)) {
      for (const item of value) visit(item)
    }
  }
  visit(root)
  return lines
}

const lineAt = (bytes: Uint8Array, offset: number): number => {
  let line = 1
  for (const byte of bytes.subarray(0, offset)) if (byte === 0x0a) line++
  return line
}

const parse = (name: string, { openCommentLine, text }: Scan): Result.Result<JsonValue, string> => {
  if (openCommentLine !== undefined) return Result.fail(`${name}:${openCommentLine} the comment does not end`)
  const bytes = new TextEncoder().encode(text)
  const parser = new JsonParser(limits)
  parser.feed(bytes)
  const first = parser.next() ?? parser.flush()
  if (first === undefined) return Result.fail(`${name}:${lineAt(bytes, bytes.length)} the file ends too early`)
  if (first._tag === "Malformed") return Result.fail(`${name}:${lineAt(bytes, first.offset)} ${first.reason}`)
  const rest = parser.next() ?? parser.flush()
  return rest === undefined && !parser.isInsideMessage
    ? Result.succeed(first.value)
    : Result.fail(`${name} has something behind its end`)
}

/** Collects the calls and what is wrong with the file's form. */
class Reader {
  readonly calls: Array<SpdkConfigCall> = []
  readonly problems: Array<string> = []
  readonly #name: string
  readonly #lines: ReadonlyMap<JsonObject, number>

  constructor(name: string, lines: ReadonlyMap<JsonObject, number>) {
    this.#name = name
    this.#lines = lines
  }

  root(value: JsonValue): void {
    const subsystems = value instanceof JsonObject ? new Map(value.members).get("subsystems") : undefined
    if (!Array.isArray(subsystems)) {
      this.problems.push(`${this.#name}:1 is no SPDK configuration: {"subsystems": [...]} is expected`)
      return
    }
    for (const item of subsystems) this.#subsystem(item)
  }

  #place(value: JsonValue, otherwise = `${this.#name}:1`): string {
    return value instanceof JsonObject ? `${this.#name}:${this.#lines.get(value) ?? 1}` : otherwise
  }

  /** The members by name, if they are some of `known` and each is there once. */
  #members(value: JsonValue, known: ReadonlyArray<string>, place: string): ReadonlyMap<string, JsonValue> | undefined {
    if (!(value instanceof JsonObject)) {
      this.problems.push(`${place} an object with ${known.join(" and ")} is expected`)
      return undefined
    }
    const members = new Map(value.members)
    const unknown = [...members.keys()].find((name) => !known.includes(name))
    if (unknown === undefined && members.size === value.members.length) return members
    const what = unknown === undefined ? "a key is there twice" : `unknown key ${JSON.stringify(unknown)}`
    this.problems.push(`${place} ${what}; known are ${known.join(", ")}`)
    return undefined
  }

  #subsystem(value: JsonValue): void {
    const place = this.#place(value)
    const members = this.#members(value, ["subsystem", "config"], place)
    if (members === undefined) return
    const subsystem = members.get("subsystem")
    const config = members.get("config") ?? null
    if (!(subsystem instanceof JsonText)) this.problems.push(`${place} subsystem is missing, or not a string`)
    else if (Array.isArray(config)) for (const entry of config) this.#entry(entry, subsystem.value, place)
    else if (config !== null) this.problems.push(`${place} config of ${subsystem.value} is neither a list nor null`)
  }

  #entry(value: JsonValue, subsystem: string, around: string): void {
    if (Array.isArray(value)) {
      for (const one of value) this.#call(one, subsystem, around)
    } else {
      this.#call(value, subsystem, around)
    }
  }

  #call(value: JsonValue, subsystem: string, around: string): void {
    const place = this.#place(value, around)
    const members = this.#members(value, ["method", "params"], place)
    if (members === undefined) return
    const method = members.get("method")
    const params = members.get("params") ?? undefined
    if (!(method instanceof JsonText)) this.problems.push(`${place} method is missing, or not a string`)
    else if (params !== undefined && !(params instanceof JsonObject) && !Array.isArray(params)) {
      this.problems.push(`${place} params of ${method.value} are no object`)
    } else this.calls.push({ subsystem, method: method.value, params, place })
  }
}

/** The file, or every problem with its form. `name` is how messages call it. */
export const readSpdkConfig = (name: string, source: string): Result.Result<SpdkConfigFile, ReadonlyArray<string>> => {
  if (source.length > spdkConfigLengthMax) {
    return Result.fail([`${name}: is longer than ${spdkConfigLengthMax} characters; split the configuration`])
  }
  const scanned = scan(source.replace(/^\uFEFF/u, ""))
  const value = parse(name, scanned)
  if (Result.isFailure(value)) return Result.fail([value.failure])
  const reader = new Reader(name, linesOf(value.success, scanned.braceLines))
  reader.root(value.success)
  if (reader.problems.length > 0) return Result.fail(reader.problems.slice(0, problemsMax))
  return Result.succeed({ name, calls: reader.calls })
}
