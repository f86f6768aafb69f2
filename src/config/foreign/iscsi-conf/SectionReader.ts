/**
 * A section of `iscsi.conf` as its reader asks for it: key by key, with a warning for each value that is none, for
 * each key that comes too often, and in the end for each key that nobody has asked for.
 */

import { type IniKey, type IniSection, iniBoolean, iniKeys } from "../../ini.ts"
import type { ConversionDraft } from "../Conversion.ts"

/** Made for one section, and done with `finish`. */
export class SectionReader {
  readonly section: IniSection
  readonly draft: ConversionDraft
  readonly #file: string
  readonly #asked = new Set<string>()

  constructor(draft: ConversionDraft, file: string, section: IniSection) {
    this.draft = draft
    this.#file = file
    this.section = section
  }

  /** Of a key, or of the section as a whole. */
  place(key?: IniKey): string {
    const { line, name } = this.section
    return key === undefined
      ? `${this.#file}:${line} [${name}]`
      : `${this.#file}:${key.line} [${this.section.name}] ${key.name}`
  }

  warn(key: IniKey | undefined, why: string): void {
    this.draft.warn(this.place(key), why, key?.line ?? this.section.line)
  }

  /** Every key of this name, for those that may repeat. */
  all(name: string): ReadonlyArray<IniKey> {
    this.#asked.add(name.toLowerCase())
    return iniKeys(this.section, name)
  }

  /** The key of this name that counts: the first, as in SPDK. */
  first(name: string): IniKey | undefined {
    const [first, ...others] = this.all(name)
    for (const other of others) this.warn(other, `is given again; that of line ${first?.line} counts`)
    return first
  }

  /** One text. */
  text(name: string): string | undefined {
    const key = this.first(name)
    if (key === undefined) return undefined
    const [value, ...more] = key.values
    if (value === undefined) this.warn(key, "has no value and is left out")
    else if (more.length > 0)
      this.warn(key, `has more than one value, of which the first counts; quote a text of words`)
    return value
  }

  /** A number that is not negative. */
  number(name: string): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (/^\d{1,15}$/u.test(value)) return Number(value)
    this.warn(this.all(name)[0], `"${value}" is no number and is left out`)
    return undefined
  }

  /** `Yes` or `No`. */
  boolean(name: string): boolean | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const answer = iniBoolean(value)
    if (answer === undefined) this.warn(this.all(name)[0], `"${value}" is neither Yes nor No and is left out`)
    return answer
  }

  /** Keys that say nothing to a target. */
  ignore(...names: ReadonlyArray<string>): void {
    for (const name of names) this.#asked.add(name.toLowerCase())
  }

  /** Keys that lunlog has no counterpart of. */
  without(why: string, ...names: ReadonlyArray<string>): void {
    for (const key of names.flatMap((name) => this.all(name))) this.warn(key, why)
  }

  /** Warns of what is left. */
  finish(): void {
    for (const key of this.section.keys) {
      if (!this.#asked.has(key.name.toLowerCase())) this.warn(key, "is not known and is left out")
    }
  }
}
