/**
 * The form of tgt's `targets.conf`: statements `KEY VALUE`, and blocks `<KEY VALUE> ... </KEY>` that hold statements.
 * Read line by line, with whatever is wrong told and passed over. `include` takes in other files at its place.
 */

/** A statement, or a block with its statements. */
export interface TgtNode {
  /** In lower case. */
  readonly key: string
  /** As it is written. */
  readonly word: string
  /** What follows the key; "" if nothing does. */
  readonly value: string
  /** `FILE:LINE`. */
  readonly place: string
  /** Undefined in a statement. */
  readonly body: ReadonlyArray<TgtNode> | undefined
}

/** What could be read, and what could not, as `FILE:LINE: WHY`. */
export interface TgtText {
  readonly nodes: ReadonlyArray<TgtNode>
  readonly problems: ReadonlyArray<string>
}

/** A file to read. */
export interface TgtFile {
  readonly name: string
  readonly source: string
}

/** Files that an `include` names, with its wildcards; a text says why there is none. */
export type Include = (pattern: string) => ReadonlyArray<TgtFile> | string

/** Files in all, and how deep they may include one another. */
const filesMax = 1000
const includeDepthMax = 8
/** Blocks within one another: target, store, and one more to be told of. */
const blockDepthMax = 8

interface OpenBlock extends TgtNode {
  readonly body: Array<TgtNode>
}

/** Without a comment; `\#` is a number sign. */
const withoutComment = (line: string): string =>
  line
    .replace(/(^|[^\\])#.*$/u, "$1")
    .replaceAll("\\#", "#")
    .trim()

const unquoted = (value: string): string => value.replace(/^"(.*)"$/u, "$1")

class Reader {
  readonly problems: Array<string> = []
  readonly #include: Include
  #files = 0

  constructor(include: Include) {
    this.#include = include
  }

  read({ name, source }: TgtFile, depth: number): ReadonlyArray<TgtNode> {
    this.#files++
    const nodes: Array<TgtNode> = []
    const open: Array<OpenBlock> = []
    const lines = source.replace(/^\u{feff}/u, "").split(/\r?\n/u)
    for (let index = 0; index < lines.length; index++) {
      const place = `${name}:${index + 1}`
      let line = withoutComment(lines[index] ?? "")
      while (line.endsWith("\\") && index + 1 < lines.length) {
        line = `${line.slice(0, -1).trimEnd()} ${withoutComment(lines[++index] ?? "")}`
      }
      const into = open.at(-1)?.body ?? nodes
      if (line.startsWith("</")) this.#close(open, line, place)
      else if (line.startsWith("<")) this.#open(open, into, line, place)
      else if (line !== "") into.push(...this.#statement(line, place, depth))
    }
    for (const block of open) this.problems.push(`${block.place}: <${block.key}> is not closed`)
    return nodes
  }

  #open(open: Array<OpenBlock>, into: Array<TgtNode>, line: string, place: string): void {
    const { key, value } = /^<\s*(?<key>[^\s>]+)\s*(?<value>[^>]*)>$/u.exec(line)?.groups ?? {}
    if (key === undefined || open.length >= blockDepthMax) {
      const why = key === undefined ? "is no block; write <KEY VALUE>" : "is a block too deep"
      this.problems.push(`${place}: ${line} ${why}`)
      return
    }
    const isClosed = value?.trimEnd().endsWith("/") === true
    const text = unquoted((value ?? "").trimEnd().replace(isClosed ? /\s*\/$/u : /$^/u, ""))
    const block = { key: key.toLowerCase(), word: key, value: text, place, body: [] }
    into.push(block)
    if (!isClosed) open.push(block)
  }

  #close(open: Array<OpenBlock>, line: string, place: string): void {
    const key = /^<\/\s*([^\s>]+)\s*>$/u.exec(line)?.[1]?.toLowerCase()
    if (key !== undefined && open.at(-1)?.key === key) open.pop()
    else this.problems.push(`${place}: ${line} closes what is not open`)
  }

  #statement(line: string, place: string, depth: number): ReadonlyArray<TgtNode> {
    const { key = line, value = "" } = /^(?<key>[^\s=]+)(?:\s*=\s*|\s+)(?<value>.*)$/u.exec(line)?.groups ?? {}
    const node = { key: key.toLowerCase(), word: key, value: unquoted(value), place, body: undefined }
    return node.key === "include" ? this.#included(node, depth) : [node]
  }

  #included({ place, value }: TgtNode, depth: number): ReadonlyArray<TgtNode> {
    const files = depth >= includeDepthMax ? `files include one another more than ${includeDepthMax} deep` : undefined
    const found = files ?? this.#include(value)
    if (typeof found === "string") {
      this.problems.push(`${place}: include ${value} is left out: ${found}`)
      return []
    }
    if (this.#files + found.length > filesMax) {
      this.problems.push(`${place}: include ${value} is left out: there are more than ${filesMax} files`)
      return []
    }
    return found.flatMap((file) => this.read(file, depth + 1))
  }
}

/** Reads a file and what it includes; never fails. */
export const readTgtText = (file: TgtFile, include: Include): TgtText => {
  const reader = new Reader(include)
  return { nodes: reader.read(file, 0), problems: reader.problems }
}
