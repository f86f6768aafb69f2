/** A value in a JSON document with its path, so that a reader can ask for what may be missing and say where. */

const memberOf = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.getOwnPropertyDescriptor(value, key)?.value
    : undefined

/** Absent members are nodes too, whose value is undefined. */
export class JsonNode {
  readonly value: unknown
  /** `targets[0].tpgs[1]`. */
  readonly path: string

  constructor(value: unknown, path = "") {
    this.value = value
    this.path = path
  }

  get(key: string): JsonNode {
    return new JsonNode(memberOf(this.value, key), this.path === "" ? key : `${this.path}.${key}`)
  }

  /** The members of a list; none if it is no list. */
  list(key: string): ReadonlyArray<JsonNode> {
    const node = this.get(key)
    if (!Array.isArray(node.value)) return []
    return node.value.map((item: unknown, index) => new JsonNode(item, `${node.path}[${index}]`))
  }

  /** A text that is not empty, or a number as a text. */
  text(key: string): string | undefined {
    const { value } = this.get(key)
    if (typeof value === "number") return String(value)
    return typeof value === "string" && value !== "" ? value : undefined
  }

  /** A whole number, also as a text. */
  number(key: string): number | undefined {
    const text = this.text(key)
    return text !== undefined && /^-?\d{1,15}$/u.test(text) ? Number(text) : undefined
  }

  /** `true`, `1`, `"1"`, `"Yes"` are true; undefined if it is absent. */
  flag(key: string): boolean | undefined {
    const { value } = this.get(key)
    if (value === undefined || value === null) return undefined
    return value === true || value === 1 || (typeof value === "string" && /^(?:1|yes|true|on)$/iu.test(value))
  }
}
