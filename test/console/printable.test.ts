/** Text of others on the page: what turns text around, or is not seen, is shown as such. */
import { assert, it } from "vitest"
import { printable, printableJson, printableLines } from "../../src/console/printable.ts"
import { logRecord } from "../../src/console/rpc/log-methods.ts"

const hostile = "a\u202eb\u2066c\u200bd\u0007e\nf"

it("makes one line of text harmless", () => {
  assert.strictEqual(printable(hostile), "a?b?c?d?e?f")
  assert.strictEqual(printable("名前 😀 \u05d0\u05d1 <b>"), "名前 😀 \u05d0\u05d1 <b>")
})

it("keeps the lines of text that has some", () => {
  assert.strictEqual(printableLines(hostile), "a?b?c?d?e\nf")
})

it("writes JSON that means the same", () => {
  const text = printableJson({ name: hostile })
  assert.notInclude(text, "\u202e")
  assert.deepStrictEqual(JSON.parse(text), { name: hostile })
})

it("is what records are read with", () => {
  const record = {
    seq: 1,
    at: 1,
    kind: "control",
    type: "TargetNodeCreated",
    v: 1,
    cause: { source: "rpc", actor: "some\u202ebody" },
    payload: {},
    text: 'alias "\u202egnp"'
  }
  const read = logRecord(record)
  assert.strictEqual(read.text, 'alias "?gnp"')
  assert.strictEqual(read.cause.actor, "some?body")
})
