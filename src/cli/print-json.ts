/** JSON for people: two spaces, integers beyond 2^53 exact, and nothing that plays with a terminal. */
import { printableJson } from "./printable.ts"

/** `JSON.stringify(value, null, 2)` that also knows bigints; `step` is one level, `indent` where it begins. */
export const printPretty = (value: unknown, indent = "", step = "  "): string => {
  if (typeof value === "bigint") return value.toString()
  if (typeof value !== "object" || value === null) return printableJson(JSON.stringify(value) ?? "null")
  const inner = indent + step
  const isArray = Array.isArray(value)
  const lines = isArray
    ? value.map((item: unknown) => `${inner}${printPretty(item, inner, step)}`)
    : Object.entries(value).map(
        ([name, member]: [string, unknown]) =>
          `${inner}${printableJson(JSON.stringify(name))}: ${printPretty(member, inner, step)}`
      )
  const [open, close] = isArray ? ["[", "]"] : ["{", "}"]
  return lines.length === 0 ? `${open}${close}` : `${open}\n${lines.join(",\n")}\n${indent}${close}`
}
