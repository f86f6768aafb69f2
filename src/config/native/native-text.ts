/** A native configuration as text that people read, and that is the same for the same configuration. */
import { Document, isCollection, isMap, isPair, isScalar, isSeq, visit } from "yaml"
import type { NativeConfig } from "./native-schema.ts"

/** Longest map or list in one line, in characters. */
const flowLengthMax = 100
/** The nodes above a key's value in a section of a list: the document, a list's key, the list, the section, the key. */
const levelsOfSections = 4

const secretKeys: ReadonlySet<string> = new Set(["secret", "mutualSecret"])

/** `${` begins a reference: as text it is escaped. Under `kept` keys it is one. */
const escaped = (value: unknown, kept: ReadonlySet<string>): unknown => {
  if (typeof value === "string") return value.replaceAll("${", () => "$${")
  if (Array.isArray(value)) return value.map((item) => escaped(item, kept))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, member]: [string, unknown]) => [
      key,
      kept.has(key) ? member : escaped(member, kept)
    ])
  )
}

/** Characters of a node in one line, about. */
const lengthOf = (node: unknown): number => {
  if (isScalar(node)) return String(node.value).length + 2
  if (isPair(node)) return lengthOf(node.key) + lengthOf(node.value)
  return isCollection(node) ? node.items.reduce<number>((length, item) => length + lengthOf(item), 2) : 0
}

/**
 * YAML with the lines of `header` as a comment above. With `secretsAreReferences`, what stands for secrets is written
 * as it is; any other `${` is text, and escaped.
 */
export const nativeText = (
  config: NativeConfig,
  header: ReadonlyArray<string>,
  secretsAreReferences = false
): string => {
  const document = new Document(escaped(config, secretsAreReferences ? secretKeys : new Set()))
  visit(document, {
    Collection: (_key, node, path) => {
      if (path.length <= levelsOfSections || lengthOf(node) > flowLengthMax) return
      // A list of maps has a line for each.
      if (isMap(node) || (isSeq(node) && !node.items.some(isMap))) node.flow = true
    }
  })
  return `${header.map((line) => `# ${line}\n`).join("")}${document.toString({ lineWidth: 0 })}`
}
