/** Tables of Markdown. */

/** A table with a header row. */
export const table = (header: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

/** Text as code. */
export const code = (text: string): string => `\`${text}\``

/** `0Ah`, with at least two digits. */
export const hex = (value: number, digits = 2): string => `${value.toString(16).toUpperCase().padStart(digits, "0")}h`

/** The text with tables as wide as they need to be: what a formatter changes is not looked at. */
export const unaligned = (text: string): string =>
  text
    .replace(/ *\| */gu, "|")
    .replace(/-{3,}/gu, "---")
    .replace(/[ \t]+/gu, " ")
