/** The stored form of records: pinned, since logs must be read for ever. */
import { assert, describe, it } from "@effect/vitest"
import { Packr } from "msgpackr"
import { decodeRecord, encodeControl, encodeObservation, seal } from "../../eventlog/record-codec.ts"
import { makeRandom, runSeed } from "../support/initiator/random.ts"
import { cause } from "./support.ts"

const control = {
  seq: 7,
  at: 1_767_225_600_000_001,
  kind: "control" as const,
  type: "LunAdded",
  v: 1,
  cause,
  payload: { lun: 3 },
  controlNo: 5,
  prevControl: "ab".repeat(32)
}
const observed = {
  seq: 8,
  at: 1_767_225_600_000_002,
  kind: "observation" as const,
  type: "Seen",
  v: 2,
  cause: { source: "log" as const, actor: "local" },
  payload: null,
  segment: 2,
  segmentNo: 9,
  prevObservation: "cd".repeat(32),
  anchor: "ef".repeat(32)
}

/** Format 1 as it was first written. Never to be edited: such bytes lie on users' disks. */
const golden = {
  control:
    "GeafEEIkcs+Pw/9nvFv723OGKmFrwkMc5GpBCxvq3oIB3gAJo3NlcQeiYXTLQxkdIRiBAASka2luZKdjb250cm9spHR5cGWoTHVu" +
    "QWRkZWShdgGlY2F1c2XeAASmc291cmNlo3JwY6VhY3RvcqVsb2NhbKZtZXRob2SyYmRldl9tYWxsb2NfY3JlYXRlqXJlcXVlc3RJ" +
    "ZKExp3BheWxvYWTeAAGjbHVuA6ljb250cm9sTm8Fq3ByZXZDb250cm9s2UBhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJh" +
    "YmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFi",
  observation:
    "6YNGiLHJddk8uzPxqiUOKp3VJkErJI2ADCvfiAk09h4B3gALo3NlcQiiYXTLQxkdIRiBAAika2luZKtvYnNlcnZhdGlvbqR0eXBl" +
    "pFNlZW6hdgKlY2F1c2XeAAKmc291cmNlo2xvZ6VhY3RvcqVsb2NhbKdwYXlsb2FkwKdzZWdtZW50AqlzZWdtZW50Tm8Jr3ByZXZP" +
    "YnNlcnZhdGlvbtlAY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2Rj" +
    "ZKZhbmNob3LZQGVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWZlZmVmZWY="
}

describe("a stored record", () => {
  it("has the bytes that it has always had", () => {
    assert.strictEqual(Buffer.from(encodeControl(control).value).toString("base64"), golden.control)
    assert.strictEqual(Buffer.from(encodeObservation(observed).value).toString("base64"), golden.observation)
  })

  it("is read from those bytes", () => {
    const bytes = (text: string) => Buffer.from(text, "base64")
    const { hash } = encodeControl(control)
    assert.deepStrictEqual(decodeRecord(bytes(golden.control), true), { ...control, hash })
    const decoded = decodeRecord(bytes(golden.observation), true)
    assert.deepStrictEqual(decoded, { ...observed, hash: encodeObservation(observed).hash })
  })

  it("is plain MessagePack behind 33 bytes, for any other tool", () => {
    const body = encodeControl(control).value.subarray(33)
    assert.deepStrictEqual(new Packr({ useRecords: false }).unpack(body), control)
  })

  it("is refused with a reason when one byte differs, wherever it is", () => {
    const { value } = encodeControl(control)
    for (let at = 0; at < value.length; at++) {
      const bytes = Buffer.from(value)
      bytes[at] = (bytes[at] ?? 0) ^ 0x10
      assert.strictEqual(decodeRecord(bytes, true), "does not match its SHA-256 digest", `byte ${at}`)
    }
  })

  it("of a newer format is refused by its number", () => {
    const { value } = seal(9, encodeControl(control).value.subarray(33))
    assert.strictEqual(decodeRecord(value, true), "has format 9, this version reads 1")
  })

  it("is never mistaken for one, and never throws, whatever the bytes are", () => {
    const random = makeRandom(runSeed(17))
    for (let round = 0; round < 2000; round++) {
      const body = random.bytes(random.below(120))
      assert.isString(decodeRecord(body, true))
      assert.isString(decodeRecord(seal(1, body).value, true))
      assert.isString(decodeRecord(seal(1, body).value, false))
    }
  })
})
