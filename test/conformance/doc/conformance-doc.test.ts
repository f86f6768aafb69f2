/** docs/conformance.md says what the tables say. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "vitest"
import { commandSet } from "../../../src/dataplane/scsi/command-set.ts"
import { projectDirectory } from "../../support/target-process.ts"
import { testsOf } from "./command-tables.ts"
import { conformanceDoc } from "./conformance-doc.ts"
import { unaligned } from "./markdown.ts"

it("docs/conformance.md is what `npm run conformance-doc` writes", () => {
  const text = readFileSync(join(projectDirectory, "docs/conformance.md"), "utf8")
  assert.strictEqual(unaligned(text), unaligned(conformanceDoc()), "run `npm run conformance-doc`")
})

it("every test that it names is there", () => {
  const named = [...conformanceDoc().matchAll(/`(test\/[\w/.-]+)`/gu)].map(([, path = ""]) => path)
  assert.isAbove(named.length, 5)
  assert.deepStrictEqual(
    named.filter((path) => !existsSync(join(projectDirectory, path))),
    []
  )
})

it("every command has a unit test", () => {
  const untested = commandSet.filter((command) => testsOf(command).length === 0).map(({ name }) => name)
  assert.deepStrictEqual(untested, [])
})

it("a clause is of one operation code", () => {
  const byClause = Map.groupBy(commandSet, ({ clause }) => clause)
  const shared = [...byClause].filter(([, commands]) => new Set(commands.map(({ opcode }) => opcode)).size > 1)
  const lines = shared.map(([clause, commands]) => `${clause}: ${commands.map(({ name }) => name).join(", ")}`)
  assert.deepStrictEqual(lines, [])
})
