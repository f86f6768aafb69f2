/** The JSON Schema of the native format: it knows every key, and says what each is for. */
import { assert, describe, it } from "vitest"
import { jsonSchemaText } from "../../src/config/native/json-schema.ts"
import { NativeConfig } from "../../src/config/native/native-schema.ts"

const schema: unknown = JSON.parse(jsonSchemaText())

const memberOf = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined

/** `path` of every key that the schema allows, with what it says about it. */
const keysOf = (node: unknown, path: string): ReadonlyArray<readonly [string, unknown]> => {
  const properties = memberOf(node, "properties")
  const own =
    typeof properties === "object" && properties !== null
      ? Object.entries(properties).flatMap(([name, below]: [string, unknown]) => [
          [`${path}.${name}`, below] as const,
          ...keysOf(below, `${path}.${name}`)
        ])
      : []
  const members = memberOf(node, "anyOf")
  const nested = [memberOf(node, "items"), ...(Array.isArray(members) ? members : [])]
  return [...own, ...nested.flatMap((below) => (below === undefined ? [] : keysOf(below, path)))]
}

describe("the JSON Schema", () => {
  it("is of the draft that editors know, and takes no unknown key anywhere", () => {
    assert.strictEqual(memberOf(schema, "$schema"), "https://json-schema.org/draft/2020-12/schema")
    const open = jsonSchemaText().match(/"type": "object"/gu)?.length
    assert.strictEqual(jsonSchemaText().match(/"additionalProperties": false/gu)?.length, open)
  })

  it("has every section, and keys down to secrets and redirects", () => {
    assert.deepStrictEqual(Object.keys(Object(memberOf(schema, "properties"))), Object.keys(NativeConfig.fields))
    const paths = keysOf(schema, "").map(([path]) => path)
    for (const path of [
      ".bdevs.size",
      ".authGroups.secrets.mutualSecret",
      ".targets.redirects.to",
      ".options.nopTimeout"
    ])
      assert.include(paths, path)
  })

  it("says what each key is for", () => {
    const silent = keysOf(schema, "").filter(
      ([path, node]) => !path.endsWith(".type") && !memberOf(node, "description")
    )
    assert.deepStrictEqual(
      silent.map(([path]) => path),
      []
    )
  })

  it("takes type: null, which YAML reads as no value", () => {
    assert.include(jsonSchemaText().replace(/\s+/gu, ""), '{"enum":["null",null]}')
  })
})
