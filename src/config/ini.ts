/**
 * The INI text of `iscsi.conf` and of the auth file, as SPDK's applications have always read it: sections, keys that
 * may repeat, values between blanks. What the sections mean is for others; here are only their form and their lines.
 *
 * - A line is a section (`[PortalGroup1]`), or a key with its values (`Portal DA1 10.0.0.1:3260`); an `=` after the key
 *   counts as a blank. A line that begins with `#` is a comment; a `#` further on is not. A `\` at the end of a line
 *   joins the next one to it.
 * - `"a b"` and `'a b'` keep blanks; `\` takes the next character as it is, but not between single quotes. A quote
 *   that is not closed goes to the end of the line.
 * - Names of sections and keys are the same in any case; a section that comes again goes on.
 */

/** Longest text, in characters. */
export const iniLengthMax = 1024 * 1024
/** More problems than this are not told: the first ones are the cause. */
const problemsMax = 20
/** What fits in the number of a section, which becomes a tag. */
const sectionNumberMax = 2 ** 31 - 1

/** A key with what follows it; `line` counts from 1, and is the first of lines that are joined. */
export interface IniKey {
  readonly name: string
  readonly values: ReadonlyArray<string>
  readonly line: number
}

/** A section with its keys in their order. */
export interface IniSection {
  /** As it is written first. */
  readonly name: string
  /** The name up to its first digit, in lower case: `portalgroup` of `[PortalGroup1]`. */
  readonly kind: string
  /** The first digits of the name: 1 of `[PortalGroup1]`; 0 if there are none. */
  readonly number: number
  readonly line: number
  readonly keys: ReadonlyArray<IniKey>
}

/** A line that cannot be read, and is left out. */
export interface IniProblem {
  readonly line: number
  readonly message: string
}

/** What could be read, and what could not. */
export interface IniText {
  readonly sections: ReadonlyArray<IniSection>
  readonly problems: ReadonlyArray<IniProblem>
}

interface Token {
  readonly text: string
  /** Where the next token begins; the end of the line if there is none. */
  readonly next: number
}

/** One token from `at`, up to one of `delimiters`, without its quotes; the delimiters behind it are passed over. */
const tokenAt = (line: string, at: number, delimiters: string): Token => {
  let quote = ""
  let text = ""
  let position = at
  for (; position < line.length; position++) {
    const character = line.charAt(position)
    if (character === "\\" && quote !== "'") {
      text += line.charAt(++position)
    } else if (quote !== "") {
      if (character === quote) quote = ""
      else text += character
    } else if (character === '"' || character === "'") quote = character
    else if (delimiters.includes(character)) break
    else text += character
  }
  while (position < line.length && delimiters.includes(line.charAt(position))) position++
  return { text, next: position }
}

interface OpenSection extends IniSection {
  readonly keys: Array<IniKey>
}

interface Reading {
  readonly sections: Map<string, OpenSection>
  readonly problems: Array<IniProblem>
  current: OpenSection | undefined
}

const readSection = (reading: Reading, text: string, line: number): void => {
  const { next, text: name } = tokenAt(text, 1, "]")
  if (name === "" || next < text.length || !text.endsWith("]")) {
    reading.current = undefined
    reading.problems.push({ line, message: `section "${text}" is not closed; write [Name] alone on its line` })
    return
  }
  const known = reading.sections.get(name.toLowerCase())
  if (known !== undefined) {
    reading.current = known
    return
  }
  const [digits = "0"] = /\d+/u.exec(name) ?? []
  const number = Number(digits)
  if (number > sectionNumberMax) {
    reading.problems.push({ line, message: `section "${name}" has a number above ${sectionNumberMax}` })
  }
  const kind = name.replace(/\d.*$/su, "").toLowerCase()
  reading.current = { name, kind, number: Math.min(number, sectionNumberMax), line, keys: [] }
  reading.sections.set(name.toLowerCase(), reading.current)
}

const readKey = (reading: Reading, text: string, line: number): void => {
  const key = tokenAt(text, 0, " \t=")
  if (reading.current === undefined) {
    reading.problems.push({ line, message: `key "${key.text}" stands in no section; write [Name] above it` })
    return
  }
  if (key.text === "") {
    reading.problems.push({ line, message: "has no key; write KEY VALUE" })
    return
  }
  const values: Array<string> = []
  for (let at = key.next; at < text.length; ) {
    const value = tokenAt(text, at, " \t")
    values.push(value.text)
    at = value.next
  }
  reading.current.keys.push({ name: key.text, values, line })
}

/** Reads a text; never fails. */
export const readIni = (source: string): IniText => {
  if (source.length > iniLengthMax) {
    return { sections: [], problems: [{ line: 1, message: `is longer than ${iniLengthMax} characters` }] }
  }
  const reading: Reading = { sections: new Map(), problems: [], current: undefined }
  const lines = source.replace(/^\u{feff}/u, "").split(/\r?\n/u)
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1
    let joined = (lines[index] ?? "").trimStart()
    if (joined.startsWith("#")) continue
    while (joined.endsWith("\\") && index + 1 < lines.length) {
      index++
      joined = joined.slice(0, -1) + (lines[index] ?? "")
    }
    const text = joined.trim()
    if (text === "") continue
    if (text.startsWith("[")) readSection(reading, text, line)
    else readKey(reading, text, line)
  }
  return { sections: [...reading.sections.values()], problems: reading.problems.slice(0, problemsMax) }
}

/** Every occurrence of a key, in order. */
export const iniKeys = (section: IniSection, name: string): ReadonlyArray<IniKey> =>
  section.keys.filter((key) => key.name.toLowerCase() === name.toLowerCase())

/** `Yes`, `Y`, `True`, `No`, `N`, `False` in any case; undefined for anything else. */
export const iniBoolean = (value: string): boolean | undefined => {
  const word = value.toLowerCase()
  if (["yes", "y", "true"].includes(word)) return true
  return ["no", "n", "false"].includes(word) ? false : undefined
}
