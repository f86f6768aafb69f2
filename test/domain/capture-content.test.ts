/** Content of disks is taken out of recorded PDUs, and nothing else of them. */
import { assert, describe, it } from "@effect/vitest"
import { hasContent, withoutContent } from "../../src/domain/capture/capture-content.ts"
import {
  CaptureFlag,
  captureEntries,
  captureEntryBytes,
  writeCaptureEntry
} from "../../src/domain/capture/capture-entry.ts"

const entryOf = (opcode: number, length: number, flags = 0, ordinal = 0) => {
  const header = new Uint8Array(48)
  header[0] = opcode
  return { nanos: 1.5, ordinal, flags, headerDigest: 7, header, data: new Uint8Array(length).fill(0xab) }
}

const bytesOf = (entries: ReadonlyArray<ReturnType<typeof entryOf>>): Uint8Array => {
  const bytes = new Uint8Array(entries.reduce((sum, { data }) => sum + captureEntryBytes(data.length), 0))
  let at = 0
  for (const entry of entries) {
    writeCaptureEntry(bytes, at, entry)
    at += captureEntryBytes(entry.data.length)
  }
  return bytes
}

describe("recorded PDUs without content of disks", () => {
  it("have no data but that of login and text; immediate commands and broken headers are no exception", () => {
    const opcodes = [0x01, 0x41, 0x05, 0x25, 0x21, 0x00, 0x3f, 0x1e].map((opcode) => entryOf(opcode, 13))
    const plain = [0x03, 0x43, 0x04, 0x23, 0x24].map((opcode) => entryOf(opcode, 13))
    const broken = entryOf(0x03, 13, CaptureFlag.badHeader)
    const all = [...opcodes, ...plain, broken].map((entry, ordinal) => ({ ...entry, ordinal }))
    const expected = all.map((entry, index) =>
      index >= opcodes.length && index < opcodes.length + plain.length ? entry : { ...entry, data: new Uint8Array(0) }
    )
    assert.isTrue(hasContent(bytesOf(all)))
    assert.deepStrictEqual(captureEntries(withoutContent(bytesOf(all))), captureEntries(bytesOf(expected)))
    assert.isFalse(hasContent(withoutContent(bytesOf(all))))
  })

  it("are the same bytes if there is none", () => {
    const bytes = bytesOf([entryOf(0x25, 0), entryOf(0x03, 20), entryOf(0x01, 0)])
    assert.strictEqual(withoutContent(bytes), bytes)
    assert.strictEqual(withoutContent(new Uint8Array(0)).length, 0)
  })
})
