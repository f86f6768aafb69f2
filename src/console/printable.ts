/**
 * What others have named, made harmless to look at: control characters, and those that turn the text around them. As
 * the command line shows it.
 */

const harmful = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const harmfulInLines = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/gu

/** One line of text. */
export const printable = (text: string): string => text.replace(harmful, "?")

/** Text of several lines. */
export const printableLines = (text: string): string => text.replace(harmfulInLines, "?")

/** JSON has escapes for the rest. */
const harmfulInJson = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, at) => character.charCodeAt(at).toString(16).padStart(4, "0"))
    .map((digits) => `\\u${digits}`)
    .join("")

/** A value as JSON of several lines, which means the same as the value. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value, undefined, 2).replace(harmfulInJson, escaped)
