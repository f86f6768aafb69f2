/** Patterns for types of records: what regular expressions say of them, and never slowly. */
import { assert, describe, it } from "vitest"
import { typeGlob } from "../../src/history/type-glob.ts"
import { diceOf } from "../domain/random.ts"

const expressionOf = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replaceAll("*", "[^]*").replaceAll("?", "[^]")}$`, "iu")

describe("a pattern for types", () => {
  it("matches what it says", () => {
    assert.deepStrictEqual(["LunAdded", "LunRemoved", "BdevUp"].filter(typeGlob("lun*")), ["LunAdded", "LunRemoved"])
    assert.isTrue(typeGlob("lunadd?d")("LunAdded"))
    assert.isTrue(typeGlob("**")(""))
    assert.isFalse(typeGlob("")("LunAdded"))
    assert.isFalse(typeGlob("?")(""))
    assert.isTrue(typeGlob("a.b")("a.b"))
    assert.isFalse(typeGlob("a.b")("axb"))
  })

  it("matches as a regular expression does", () => {
    const { roll } = diceOf(1)
    const textOf = (letters: string, length: number) =>
      Array.from({ length: roll(length) }, () => letters[roll(letters.length)]).join("")
    for (let n = 0; n < 20_000; n++) {
      const [pattern, text] = [textOf("abB*?", 8), textOf("aAb", 9)]
      assert.strictEqual(typeGlob(pattern)(text), expressionOf(pattern).test(text), `${pattern} ${text}`)
    }
  })

  it("that would keep a regular expression busy for hours is matched at once", () => {
    assert.isFalse(typeGlob("*a".repeat(300).concat("b"))("a".repeat(1000)))
    assert.isTrue(typeGlob("*?".repeat(32))("TargetNodeLogoutRequested".repeat(4)))
  })
})
