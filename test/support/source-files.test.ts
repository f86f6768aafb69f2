/** The tidy test sees code only if comments and quotations are taken away exactly. */
import { assert, it } from "vitest"
import { blanked } from "./source-files.ts"

it("blanks comments, strings, regular expressions and templates, and keeps code and columns", () => {
  const cases: ReadonlyArray<readonly [text: string, code: string]> = [
    ["a /* b */ c // d", "a c"],
    ['f("x as Y", 1)', 'f(" ", 1)'],
    ["a = /[\"/]'/g.test(b) / c", "a = .test(b) / c"],
    ["`t \x24{g({ a: `u \x24{v} w` })} x` + y", "g({ a: v }) + y"],
    ["`\\`\x24{a}\n`; b", "a ; b"]
  ]
  for (const [text, code] of cases) {
    assert.strictEqual(blanked(text).replace(/\s+/g, " ").trim(), code)
    assert.strictEqual(blanked(text).length, text.length)
  }
})
