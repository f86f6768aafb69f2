/** Bytes as they are written in tests, and what a writer of headers has made of a buffer that was not empty. */
import { assert } from "vitest"
import { bhsBytes } from "../../../../src/dataplane/iscsi/pdu/bhs.ts"

/** Hexadecimal digits, with white space where it helps. */
export const hex = (digits: string): Buffer => Buffer.from(digits.replace(/\s+/g, ""), "hex")

/** The 48 bytes that `write` has written at an odd place of a dirty buffer; nothing around them has changed. */
export const written = (write: (b: Buffer, at: number) => void): Buffer => {
  const at = 13
  const b = Buffer.alloc(at + bhsBytes + 9, 0xa5)
  write(b, at)
  const around = Buffer.concat([b.subarray(0, at), b.subarray(at + bhsBytes)])
  assert.isTrue(around.every((byte) => byte === 0xa5))
  return b.subarray(at, at + bhsBytes)
}
