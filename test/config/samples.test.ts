/** The sample configurations of the documents: each is right, and together they have every key. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { parse } from "yaml"
import { configFiles } from "../../src/cli/config/config-files.ts"
import type { ConfigFiles } from "../../src/config/native/ConfigFiles.ts"
import { jsonSchemaText } from "../../src/config/native/json-schema.ts"
import { readNativeFile } from "../../src/config/native/NativeFile.ts"
import { tryOut } from "../../src/config/native/try-out.ts"
import { projectDirectory } from "../support/target-process.ts"

const docs = join(projectDirectory, "docs")

const samples = readdirSync(join(docs, "examples"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => join("examples", name))

/** Secrets are the reader's own; everything else must be there. */
const files: ConfigFiles = {
  ...configFiles,
  read: (path, lengthMax) =>
    path.includes("/secrets/")
      ? Effect.succeed({ text: "mnopqrstuvwx\n", othersRead: false })
      : configFiles.read(path, lengthMax),
  environment: (name) => (name === "HOST_SECRET" ? "abcdefghijkl" : undefined)
}

const check = (name: string) => {
  const path = join(docs, name)
  return Effect.runPromise(
    Effect.gen(function* () {
      const file = yield* readNativeFile(path, yield* files.read(path, 1_000_000), files)
      yield* tryOut(file)
      return file
    })
  )
}

describe("a sample configuration", () => {
  it.each([
    "example.yaml",
    "examples/chap.yaml",
    "examples/hosts.yaml",
    "examples/everything.yaml",
    "examples/incident/shop.yaml"
  ])("%s is right", async (name) => {
    const { config, warnings } = await check(name)
    assert.isNotEmpty(config.targets)
    assert.deepStrictEqual(warnings, [])
  })

  it("may consist of several files, which are right together", async () => {
    const { config } = await check("examples/lab/lunlog.yaml")
    assert.deepStrictEqual(
      config.targets?.map(({ name }) => name),
      ["build", "void"]
    )
  })

  it("is one of those that are checked here", () => {
    const known = [
      "chap.yaml",
      "everything.yaml",
      "hosts.yaml",
      "incident/shop.yaml",
      "lab/lunlog.yaml",
      "lab/conf.d/10-compilers.yaml"
    ]
    const all = [...known, "lab/conf.d/20-storage.yaml"].map((name) => join("examples", name))
    assert.deepStrictEqual(samples.toSorted(), all.toSorted())
  })
})

const memberOf = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined

/** Keys that the schema has and a value nowhere uses, as paths; members of lists count together. */
const unused = (schema: unknown, values: ReadonlyArray<unknown>, path: string): ReadonlyArray<string> => {
  const items = memberOf(schema, "items")
  if (items !== undefined) {
    return unused(
      items,
      values.flatMap((value) => (Array.isArray(value) ? value : [])),
      path
    )
  }
  const members = memberOf(schema, "anyOf")
  if (Array.isArray(members)) {
    return members.flatMap((member: unknown) => {
      const types: unknown = memberOf(memberOf(memberOf(member, "properties"), "type"), "enum")
      if (!Array.isArray(types)) return []
      return unused(
        member,
        values.filter((value) => types.includes(memberOf(value, "type"))),
        `${path}(${types[0]})`
      )
    })
  }
  const properties = memberOf(schema, "properties")
  if (typeof properties !== "object" || properties === null) return []
  return Object.entries(properties).flatMap(([key, below]: [string, unknown]) => {
    const found = values.map((value) => memberOf(value, key)).filter((value) => value !== undefined)
    return found.length === 0 ? [`${path}.${key}`] : unused(below, found, `${path}.${key}`)
  })
}

describe("docs/examples/everything.yaml", () => {
  it("has every key of the JSON Schema", () => {
    const value: unknown = parse(readFileSync(join(docs, "examples/everything.yaml"), "utf8"))
    const missing = unused(JSON.parse(jsonSchemaText()), [value], "").filter(
      // What several types of bdevs have is shown with one of them, and what CHAP needs with discovery.
      (path) => !/^\.bdevs\((?!malloc)\w+\)\.(?:uuid|qos|histogram|\w*[bB]lockSize)$|\.auth\.\w+$/u.test(path)
    )
    assert.deepStrictEqual(missing, [])
  })
})
