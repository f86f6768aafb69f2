/** docs/conformance.md says what the tables say. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "vitest"
import { projectDirectory } from "../../support/target-process.ts"
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
