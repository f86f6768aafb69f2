/**
 * The plain part of YAML, which most configurations are written in: block maps and lists by indentation, flow maps and
 * lists (so JSON too), quoted and plain texts in one line, comments, ASCII. It is read in one pass without a tree of
 * nodes: 10,000 LUNs in a twentieth of the time that a whole YAML parser takes. What is not plain beyond doubt, or not
 * right, is not read here at all: `YamlText` gives it to the parser, whose values and messages are the ones that count.
 */

/** Maps and lists in one another; deeper ones are for the parser. */
const depthMax = 32

/** Text that is for the parser. */
class NotPlain extends Error {}

const otherCharacters = /[^\n\x20-\x7e]/u
const blankLines = /(?: *(?:#[^\n]*)?\n)*/uy
const spaces = / */uy
const lineEnd = /(?: +#[^\n]*| *)(?:\n|$)/uy
/** Between the tokens of a flow map or list. */
const flowGap = /(?: *\n| +(?:#[^\n]*\n)?)*/uy
const item = /- +(?=[^\s#-])/uy
const plainKey = /([A-Za-z_][A-Za-z0-9_-]{0,99}):(?= |\n|$)/uy
const flowPlainKey = /([A-Za-z_][A-Za-z0-9_-]{0,99}) *:(?=[ \n])/uy
const flowQuotedKey = /("[^"\\\n]{1,100}") *:/uy
const quoted = /"(?:[^"\\\n]|\\["\\/bfnrt])*"/uy
const singleQuoted = /'((?:[^'\n]|'')*)'/uy
const blockPlain = /[A-Za-z0-9_./$][^\n#]*/uy
const flowPlain = /[A-Za-z0-9_./$][A-Za-z0-9_./$@%+=-]*(?::[A-Za-z0-9_./$-]+)*(?: +[A-Za-z0-9_./$]+)*/uy

const wordValues: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["false", false],
  ["null", null]
])
const words = /^(?:true|false|null)$/iu
/** Numbers in another form than a few digits: the parser knows which of them are numbers. */
const numberLike = /^(?:[0-9.]+(?:e[+-]?[0-9]*)?|0x.*|0o.*|\.inf|\.nan)$/iu

/** What a text without quotes stands for. */
const plainValue = (text: string): unknown => {
  if (/^[0-9]{1,15}$/u.test(text)) return Number(text)
  const word = wordValues.get(text)
  if (word !== undefined) return word
  if (words.test(text) || (numberLike.test(text) && !/^\d+(?:\.\d+){2,}$/u.test(text))) throw new NotPlain()
  return text
}

/** Gives a member of a map the value that it is to have. */
type ReadMember = (key: string, value: unknown) => unknown

class Reader {
  readonly #text: string
  readonly #readMember: ReadMember
  #at = 0
  #depth = 0

  constructor(text: string, readMember: ReadMember) {
    this.#text = text
    this.#readMember = readMember
  }

  document(): unknown {
    this.#take(blankLines)
    const value = this.#isAt("{") || this.#isAt("[") ? this.#inLine(() => this.#flow(0)) : this.#block()
    this.#take(blankLines)
    this.#take(lineEnd)
    if (this.#at < this.#text.length) throw new NotPlain()
    return value
  }

  /** What `pattern` matches here, or nothing. */
  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match !== null) this.#at = pattern.lastIndex
    return match
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    if (!pattern.test(this.#text)) throw new NotPlain()
    const from = this.#at
    this.#at = pattern.lastIndex
    return this.#text.slice(from, this.#at)
  }

  #isAt(character: string): boolean {
    return this.#text[this.#at] === character
  }

  #set(map: Record<string, unknown>, key: string, value: unknown): void {
    if (key === "" || key === "__proto__" || words.test(key) || Object.hasOwn(map, key)) throw new NotPlain()
    map[key] = this.#readMember(key, value)
  }

  /** Columns before the next line with something in it; -1 at the end. Begins, and stays, at the start of a line. */
  #indent(): number {
    this.#take(blankLines)
    spaces.lastIndex = this.#at
    spaces.test(this.#text)
    const end = spaces.lastIndex
    const isEnd = end >= this.#text.length || this.#text[end] === "#"
    return isEnd ? -1 : end - this.#at
  }

  /** A map or a list that begins in this line, or nothing at the end of the text. */
  #block(): unknown {
    const indent = this.#indent()
    if (indent < 0) return null
    if (++this.#depth > depthMax) throw new NotPlain()
    const isList = this.#text.startsWith("- ", this.#at + indent)
    const value = isList ? this.#blockList(indent) : this.#blockMap(indent, false)
    this.#depth--
    return value
  }

  #blockList(indent: number): ReadonlyArray<unknown> {
    const items: Array<unknown> = []
    while (this.#indent() === indent && this.#text.startsWith("- ", this.#at + indent)) {
      this.#at += indent
      const column = indent + this.#take(item).length
      plainKey.lastIndex = this.#at
      items.push(plainKey.test(this.#text) ? this.#blockMap(column, true) : this.#inLine(() => this.#scalar(indent)))
    }
    if (this.#indent() > indent) throw new NotPlain()
    return items
  }

  /** `isStarted`: the first key is here, in the line of its item. */
  #blockMap(indent: number, isStarted: boolean): object {
    if (++this.#depth > depthMax) throw new NotPlain()
    const map: Record<string, unknown> = {}
    for (let isHere = isStarted; isHere || this.#indent() === indent; isHere = false) {
      if (!isHere) {
        if (this.#text[this.#at + indent] === "-") break
        this.#at += indent
      }
      const key = this.#match(plainKey)?.[1] ?? ""
      this.#set(map, key, this.#blockValue(indent))
    }
    if (this.#indent() > indent) throw new NotPlain()
    this.#depth--
    return map
  }

  /** What comes after the colon of a key. */
  #blockValue(indent: number): unknown {
    if (this.#match(lineEnd) === null) {
      this.#take(spaces)
      return this.#inLine(() => this.#scalar(indent))
    }
    const next = this.#indent()
    // Lists may begin below their key.
    if (next > indent) return this.#block()
    return next === indent && this.#text.startsWith("- ", this.#at + indent) ? this.#blockList(indent) : null
  }

  /** A value and nothing after it in its last line. */
  #inLine(value: () => unknown): unknown {
    const found = value()
    this.#take(lineEnd)
    return found
  }

  /** What does not begin with a key. */
  #scalar(indent: number): unknown {
    if (this.#isAt("{") || this.#isAt("[")) return this.#flow(indent + 1)
    if (this.#isAt('"') || this.#isAt("'")) return this.#quoted()
    const text = this.#take(blockPlain).trimEnd()
    // A "#" that follows no space is part of the text, and a colon may end a key.
    if (this.#isAt("#") && this.#text[this.#at - 1] !== " ") throw new NotPlain()
    if (text.includes(": ") || text.endsWith(":")) throw new NotPlain()
    this.#at -= this.#isAt("#") ? 1 : 0
    return plainValue(text)
  }

  #quoted(): string {
    if (this.#isAt('"')) return parsedText(this.#take(quoted))
    const text = this.#match(singleQuoted)?.[1]
    if (text === undefined) throw new NotPlain()
    return text.replaceAll("''", "'")
  }

  /** A map or a list in brackets; lines after its first have at least `indent` columns before them. */
  #flow(indent: number): unknown {
    if (++this.#depth > depthMax) throw new NotPlain()
    const value = this.#isAt("{") ? this.#flowMap(indent) : this.#flowList(indent)
    this.#depth--
    return value
  }

  #gap(indent: number): void {
    const gap = this.#take(flowGap)
    const line = gap.lastIndexOf("\n")
    if (line >= 0 && gap.length - line - 1 < indent) throw new NotPlain()
    if (this.#isAt("#")) throw new NotPlain()
  }

  /** At a comma or at the end. */
  #isMore(indent: number, end: string): boolean {
    this.#gap(indent)
    if (this.#isAt(end)) return false
    if (!this.#isAt(",")) throw new NotPlain()
    this.#at++
    this.#gap(indent)
    if (this.#isAt(end)) throw new NotPlain()
    return true
  }

  #flowList(indent: number): ReadonlyArray<unknown> {
    const items: Array<unknown> = []
    this.#at++
    this.#gap(indent)
    for (let more = !this.#isAt("]"); more; more = this.#isMore(indent, "]")) items.push(this.#flowValue(indent))
    this.#at++
    return items
  }

  #flowMap(indent: number): object {
    const map: Record<string, unknown> = {}
    this.#at++
    this.#gap(indent)
    for (let more = !this.#isAt("}"); more; more = this.#isMore(indent, "}")) {
      const plain = this.#match(flowPlainKey)?.[1]
      const key = plain ?? parsedText(this.#match(flowQuotedKey)?.[1] ?? '""')
      this.#gap(indent)
      this.#set(map, key, this.#flowValue(indent))
    }
    this.#at++
    return map
  }

  #flowValue(indent: number): unknown {
    if (this.#isAt("{") || this.#isAt("[")) return this.#flow(indent)
    if (this.#isAt('"') || this.#isAt("'")) return this.#quoted()
    return plainValue(this.#take(flowPlain))
  }
}

/** YAML's escapes that JSON has too are the same. */
const parsedText = (text: string): string => String(JSON.parse(text))

/** The value of a plain text; undefined if it is not plain, or wrong. An empty text is null. */
export const readPlainYaml = (text: string, readMember: ReadMember): unknown => {
  if (otherCharacters.test(text)) return undefined
  try {
    return new Reader(text, readMember).document()
  } catch (error) {
    if (error instanceof NotPlain) return undefined
    throw error
  }
}
