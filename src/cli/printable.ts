/** What others have named, made harmless for a terminal: control characters, and those that reorder text. */

const harmful = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const harmfulInLines = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/gu
/** JSON has escapes for the rest. */
const harmfulInJson = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu

/** One line of text. */
export const printable = (text: string): string => text.replace(harmful, "?")

/** Text of several lines. */
export const printableLines = (text: string): string => text.replace(harmfulInLines, "?")

const escapeUnits = (character: string): string =>
  Array.from({ length: character.length }, (_, at) => character.charCodeAt(at).toString(16).padStart(4, "0"))
    .map((digits) => `\\u${digits}`)
    .join("")

/** JSON text, which means the same afterwards. */
export const printableJson = (json: string): string => json.replace(harmfulInJson, escapeUnits)
