/** Writes INI text that `ini.ts` reads back: sections, keys, and quotes where a value needs them. */

/** A value as one token of a line; undefined if no line can hold it. */
export const iniValue = (text: string): string | undefined => {
  if (/[\n\r]/u.test(text)) return undefined
  if (/^[\w.,:;!*/[\]@%+-]+$/u.test(text)) return text
  return `"${text.replace(/["\\]/gu, "\\$&")}"`
}

/** A key with its values. */
export type IniLine = readonly [key: string, ...values: ReadonlyArray<string>]

/** Collects lines. */
export class IniWriter {
  readonly #lines: Array<string> = []
  readonly #lost: (section: string, key: string) => void

  /** `lost` is told of a key that no line can hold. */
  constructor(lost: (section: string, key: string) => void) {
    this.#lost = lost
  }

  section(name: string, keys: ReadonlyArray<IniLine>): void {
    this.#lines.push(`[${name}]`)
    for (const [key, ...values] of keys) {
      const written = values.flatMap((value) => iniValue(value) ?? [])
      if (written.length === values.length) this.#lines.push(`  ${[key, ...written].join(" ")}`)
      else this.#lost(name, key)
    }
    this.#lines.push("")
  }

  text(): string {
    return this.#lines.join("\n")
  }
}
