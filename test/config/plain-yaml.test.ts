/** The quick reading of plain YAML: it reads what the parser reads, and leaves to it what is not plain. */
import { assert, describe, it } from "vitest"
import { parseDocument } from "yaml"
import { readPlainYaml } from "../../src/config/PlainYaml.ts"
import { type Dice, diceOf } from "../domain/random.ts"

const same = (_: string, value: unknown) => value

const texts = [
  'bdevs:\n  - { type: "null", name: N0, size: 1MiB }\n  - type: malloc # fast\n    name: M0\n    size: 64 MiB\n',
  "targets:\n- name: t0\n  maps: [{ portalGroup: 1, initiatorGroup: any }]\n  luns:\n    - lun: 0\n      bdev: N0\n",
  '{"bdevs":[{"type":"null","name":"N\\"0","size":1048576},{"a":true,"b":null,"c":[],"d":{}}],"x":"\\n"}\n',
  "# head\n\noptions:\n  nodeBase: iqn.2016-06.io.spdk\n  auth: { chapGroup: 1, x: 'it''s' }\n  t: 30s\n",
  'portalGroups: [\n  { tag: 1, portals: ["127.0.0.1:3260", 10.0.0.1:3260] },\n  { tag: 2 }\n  ]\n',
  `a:\n  b:\n    c: 1\n    d: [1, 2,\n      3]\n  e: f g h\ni: \${env:X}\nj:\n`,
  "- a\n- b: 1\n  c: 2\n- [x, y]\n- 'q'",
  "",
  "# nothing\n"
] as const

const pieces = [
  ...[" ", "  ", "\n", "\n  ", "- ", ":", ": ", "#", " # c\n", '"', "'", "{", "}", "[", "]", ",", ", ", "\n\n", "\t"],
  ...["null", "true", "False", "1", "1.5", "1e3", "0x1f", ".inf", "007", "0o7", "+1", "-1", "1_000", "2001-01-01"],
  ...["a", "key: ", "...", "---\n", "*a", "&a ", "!t ", "|", ">", "~", "\\", "\\n", "? ", "%", "@", "-", "$", "<<: "],
  ...["\n#x\n", "a: b", '"a":', "a:1", "'a': ", "x :", "é"]
] as const

const mutant = (dice: Dice): string => {
  let text: string = dice.pick(texts)
  for (let edits = dice.roll(4); edits >= 0; edits--) {
    const at = dice.roll(text.length + 1)
    const from = dice.roll(text.length + 1)
    const cut = dice.roll(3) === 0 ? 1 + dice.roll(4) : 0
    const added = cut > 0 ? "" : dice.roll(2) === 0 ? dice.pick(pieces) : text.slice(from, from + dice.roll(20))
    text = text.slice(0, at) + added + text.slice(at + cut)
  }
  return text
}

describe("plain YAML", () => {
  it.each(texts)("is read as the parser reads it: %j", (text) => {
    assert.deepStrictEqual(readPlainYaml(text, same), parseDocument(text).toJS())
  })

  it.each([
    ["a tab", "a:\tb\n"],
    ["a text of several lines", "a: b\n  c\n"],
    ["a block text", "a: |\n  b\n"],
    ["an anchor", "a: &x 1\nb: *x\n"],
    ["a key that is given twice", "a: 1\na: 2\n"],
    ["a key of the prototype", "__proto__: 1\n"],
    ["a second document", "a: 1\n---\nb: 2\n"],
    ["a bad indentation", "a:\n  b: 1\n c: 2\n"],
    ["a list that is not closed", "a: [1, 2\n"],
    ["what is deeply nested", `a: ${"[".repeat(40)}${"]".repeat(40)}\n`],
    ["a number that is not a few digits", "a: 1.5\n"],
    ["other letters", "a: \u{e9}\n"]
  ])("is not %s", (_, text) => {
    assert.isUndefined(readPlainYaml(text, same))
  })

  it("is never read otherwise than by the parser, whatever the text", () => {
    const dice = diceOf(20_260_101)
    let count = 0
    for (let round = 0; round < 12_000; round++) {
      const text = mutant(dice)
      const value = readPlainYaml(text, same)
      if (value === undefined) continue
      count++
      const document = parseDocument(text, { prettyErrors: false })
      assert.deepStrictEqual(document.errors, [], text)
      assert.deepStrictEqual(value, document.toJS(), text)
    }
    assert.isAbove(count, 1000)
  })
})
