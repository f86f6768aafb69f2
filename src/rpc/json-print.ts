/**
 * JSON for the wire: compact, pure ASCII (code points from 0x7F on as `\uXXXX`), `/` as it is. `rpc.py` decodes each
 * piece that it receives by itself, so a character must never straddle two pieces.
 */
import { JsonNumber, JsonObject, JsonText } from "./json-value.ts"

const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
/** Works on UTF-16 units, so what lies above the BMP becomes a surrogate pair, as SPDK writes it. */
const toAscii = (json: string): string => json.replace(/[\u007f-\uffff]/g, escapeUnit)

/** Printable ASCII that needs no escape, as most texts are. */
const plainText = /^[ !#-[\]-~]*$/u

const printText = (text: string): string => (plainText.test(text) ? `"${text}"` : toAscii(JSON.stringify(text)))

const printMembers = (members: Iterable<readonly [string, unknown]>): string => {
  let text = ""
  for (const [name, value] of members) {
    if (value !== undefined) text += `${text === "" ? "" : ","}${printText(name)}:${printJson(value)}`
  }
  return `{${text}}`
}

/**
 * Plain values, bigints and the parser's own values. A number's and a string's source is echoed byte for byte (ids),
 * save that non-ASCII is escaped. Members that are undefined are left out; numbers that JSON has not (NaN) become
 * null.
 */
export const printJson = (value: unknown): string => {
  if (value === null || value === undefined) return "null"
  if (typeof value === "string") return printText(value)
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "null"
  if (typeof value === "boolean" || typeof value === "bigint") return String(value)
  if (value instanceof JsonNumber) return value.source
  if (value instanceof JsonText) return `"${toAscii(value.source)}"`
  if (value instanceof JsonObject) return printMembers(value.members)
  if (Array.isArray(value)) return `[${value.map(printJson).join(",")}]`
  if (value instanceof Map) return printMembers(value)
  if (typeof value === "object") return printMembers(Object.entries(value))
  return "null"
}
