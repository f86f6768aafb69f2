/** The table of what is recorded in docs/log.md is the one that the types of observations make. */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "vitest"
import { Observation, observationOccasions } from "../../src/domain/observation/Observation.ts"

const text = readFileSync(new URL("../../docs/log.md", import.meta.url), "utf8")

/** The cells of the table rows below a heading, without their alignment. */
const rowsBelow = (heading: string): ReadonlyArray<ReadonlyArray<string>> => {
  const section = text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? ""
  return section
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim())
    )
}

const fieldsOf = (fields: object): string =>
  Object.keys(fields)
    .filter((name) => name !== "_tag" && name !== "repeated" && name !== "firstAt")
    .map((name) => `\`${name}\``)
    .join(", ")

describe("docs/log.md", () => {
  it("has every observation with its occasion and its fields", () => {
    const expected = Object.entries(Observation.cases).map(([type, { fields }]) => {
      const occasion = Object.entries(observationOccasions).find(([name]) => name === type)?.[1]
      return [`\`${type}\``, occasion, fieldsOf(fields)]
    })
    const there = rowsBelow("What is recorded").map((cells) => cells.join(" | "))
    const missing = expected.map((cells) => cells.join(" | ")).filter((row) => !there.includes(row))
    assert.deepStrictEqual(missing, [], "rows of the table that docs/log.md should have")
  })
})
