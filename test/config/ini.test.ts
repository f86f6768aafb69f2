/** The INI text of iscsi.conf and of the auth file: its form, its lines, and that nothing in it does harm. */
import { assert, describe, it } from "vitest"
import { iniBoolean, iniKeys, iniLengthMax, readIni } from "../../src/config/ini.ts"
import { diceOf } from "../domain/random.ts"

/** Keys and values of the first section. */
const keysOf = (...lines: ReadonlyArray<string>) =>
  readIni(["[S]", ...lines].join("\n")).sections[0]?.keys.map(({ name, values }) => [name, ...values])

describe("sections", () => {
  it("have a name, a kind, a number and a line", () => {
    const { problems, sections } = readIni("# head\n\n[iSCSI]\n  [PortalGroup12]\n[RAID1x2]\n")
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(
      sections.map(({ kind, line, name, number }) => [name, kind, number, line]),
      [
        ["iSCSI", "iscsi", 0, 3],
        ["PortalGroup12", "portalgroup", 12, 4],
        ["RAID1x2", "raid", 1, 5]
      ]
    )
  })

  it("go on where they come again, in any case", () => {
    const { sections } = readIni("[AIO]\nAIO /a A\n[Null]\n[aio]\nAIO /b B\n")
    assert.deepStrictEqual(
      sections.map(({ keys, name }) => [name, keys.map(({ line }) => line)]),
      [
        ["AIO", [2, 5]],
        ["Null", []]
      ]
    )
  })

  it.each([
    ["[Open", 'section "[Open" is not closed; write [Name] alone on its line'],
    ["[]", 'section "[]" is not closed; write [Name] alone on its line'],
    ["[A] x", 'section "[A] x" is not closed; write [Name] alone on its line'],
    ["[A", 'section "[A" is not closed; write [Name] alone on its line'],
    ["Key v", 'key "Key" stands in no section; write [Name] above it'],
    ["[T99999999999]", 'section "T99999999999" has a number above 2147483647']
  ])("%s is told", (text, message) => {
    assert.deepStrictEqual(readIni(`#\n${text}`).problems, [{ line: 2, message }])
  })

  it("that are broken take their keys with them, and not those before", () => {
    const { problems, sections } = readIni("[A]\nx 1\n[B\ny 2\n[C]\nz 3")
    assert.deepStrictEqual(
      problems.map(({ line }) => line),
      [3, 4]
    )
    assert.deepStrictEqual(
      sections.map(({ keys }) => keys.map(({ name }) => name)),
      [["x"], ["z"]]
    )
  })
})

describe("keys and values", () => {
  it.each([
    ["blanks and tabs", "Portal \t DA1\t10.0.0.1:3260 ", ["Portal", "DA1", "10.0.0.1:3260"]],
    ["no value", "NoPci", ["NoPci"]],
    ["an = after the key, not further on", "URL = a=b", ["URL", "a=b"]],
    ["an = without blanks", "Key=v", ["Key", "v"]],
    ["double quotes", 'Comment "lab hosts"', ["Comment", "lab hosts"]],
    ["single quotes, where \\ is itself", "P 'a \\ b'", ["P", "a \\ b"]],
    ["escapes", 'P a\\ b "\\"q\\"" \\\\', ["P", "a b", '"q"', "\\"]],
    ["quotes within a word", 'P a" "b', ["P", "a b"]],
    ["empty values", 'P "" x', ["P", "", "x"]],
    ["a quote that is not closed", 'P "a b', ["P", "a b"]],
    ["a # that is not at the beginning", "P a # b", ["P", "a", "#", "b"]],
    ["Windows line ends", "P a\r", ["P", "a"]]
  ])("%s", (_, line, expected) => {
    assert.deepStrictEqual(keysOf(line), [expected])
  })

  it("go over several lines, and belong to the first", () => {
    const { sections } = readIni("[S]\r\nP a \\\r\n  b\\\r\nc\r\nQ \\\n")
    assert.deepStrictEqual(sections[0]?.keys, [
      { name: "P", values: ["a", "bc"], line: 2 },
      { name: "Q", values: [], line: 5 }
    ])
  })

  it("comments do not go on in the next line", () => {
    assert.deepStrictEqual(keysOf("# c \\", "P a"), [["P", "a"]])
  })

  it("are found in any case, each time that they are there", () => {
    const [section] = readIni("[S]\nAuth a b\nauth c d\n").sections
    assert(section !== undefined)
    assert.deepStrictEqual(
      iniKeys(section, "AUTH").map(({ values }) => values[0]),
      ["a", "c"]
    )
  })

  it("know the words for yes and no", () => {
    assert.deepStrictEqual(["Yes", "y", "TRUE"].map(iniBoolean), [true, true, true])
    assert.deepStrictEqual(["No", "n", "False"].map(iniBoolean), [false, false, false])
    assert.deepStrictEqual(["1", "on", ""].map(iniBoolean), [undefined, undefined, undefined])
  })
})

describe("any text", () => {
  it("is bounded", () => {
    assert.match(readIni("\n".repeat(iniLengthMax + 1)).problems[0]?.message ?? "", /longer than/)
    assert.lengthOf(readIni("x\n".repeat(1000)).problems, 20)
  })

  it("is read, with lines that are there, and values that come back from their quoted form", () => {
    const dice = diceOf(20_26)
    const pieces = [
      "[",
      "]",
      "A",
      "7",
      " ",
      "\t",
      "=",
      '"',
      "'",
      "\\",
      "\n",
      "\r\n",
      "#",
      "x",
      "\u{1f600}",
      "\0"
    ] as const
    for (let round = 0; round < 300; round++) {
      const source = Array.from({ length: dice.roll(60) }, () => dice.pick(pieces)).join("")
      const { problems, sections } = readIni(source)
      const lines = source.split("\n").length
      const keys = sections.flatMap((section) => section.keys)
      for (const { line } of [...sections, ...keys, ...problems]) assert(line >= 1 && line <= lines, source)
      const written = ["[S]", ...keys.map(({ values }) => ["K", ...values.map(quoted)].join(" "))].join("\n")
      assert.deepStrictEqual(
        readIni(written).sections[0]?.keys.map(({ values }) => values),
        keys.map(({ values }) => values)
      )
    }
  })
})

const quoted = (value: string): string => `"${value.replace(/["\\]/gu, "\\$&")}"`
