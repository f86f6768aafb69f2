/** The ring of one connection: what it holds after any order of PDUs, how it grows, and what memory it has. */
import { assert, beforeEach, describe, it } from "vitest"
import { IoClock } from "../../../../src/dataplane/iscsi/IoClock.ts"
import { PduRecorder, type RecorderSettings } from "../../../../src/dataplane/iscsi/recorder/PduRecorder.ts"
import { recorderBytesMax } from "../../../../src/dataplane/limits.ts"
import { MemoryBudget } from "../../../../src/dataplane/MemoryBudget.ts"
import { CaptureFlag, captureEntries } from "../../../../src/domain/capture/capture-entry.ts"
import { Opcode } from "../../../support/initiator/pdu.ts"
import { makeRandom, type Random } from "../../../support/initiator/random.ts"

const headerBytes = 48
const fast = 1
const slow = 11_000

let now = 0
let clock: IoClock
let budget: MemoryBudget

beforeEach(() => {
  now = 1_000
  clock = new IoClock(() => now)
  budget = MemoryBudget.sized(64 * 1024 * 1024)
})

const recorderOf = (settings: Partial<RecorderSettings> = {}): PduRecorder =>
  new PduRecorder({ pdus: 64, dataBytes: 0, ...settings }, clock, budget.account("connections"))

/** Time passes; the clock is read, as it is once for each chunk. */
const pass = (millis: number): void => {
  now += millis
  clock.read()
}

/** A header that says which it is, somewhere in a buffer. */
const headerOf = (random: Random, opcode: number, tag: number): { readonly b: Buffer; readonly at: number } => {
  const at = random.below(9)
  const b = Buffer.from(Array.from({ length: at + headerBytes + 3 }, () => random.below(256)))
  b[at] = opcode
  b.writeUInt32BE(tag, at + 16)
  return { b, at }
}

const heldBy = (recorder: PduRecorder) =>
  captureEntries(recorder.entries()).map(({ data, flags, header, ordinal }) => ({
    ordinal,
    sent: (flags & CaptureFlag.sent) !== 0,
    header: Buffer.from(header).toString("hex"),
    data: Buffer.from(data).toString("hex")
  }))

describe("the ring", () => {
  it("holds the last PDUs as they were, whatever comes in which order", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = makeRandom(seed)
      const pdus = 1 + random.below(70)
      const recorder = recorderOf({ pdus })
      const told: Array<{ ordinal: number; sent: boolean; header: string; data: string }> = []
      for (let step = 0; step < 300; step++) {
        const { at, b } = headerOf(random, random.below(64), step)
        const header = b.subarray(at, at + headerBytes).toString("hex")
        const sent = random.chance(0.5)
        told.push({ ordinal: told.length, sent, header, data: "" })
        if (sent) recorder.sent(b, at)
        else recorder.received(b, at)
        pass(random.chance(0.9) ? fast : slow)
        if (sent || random.chance(0.7)) continue
        recorder.postponed()
        told.pop()
      }
      assert.strictEqual(recorder.count, told.length)
      const held = heldBy(recorder)
      // One that was told and postponed at a full ring has cost the oldest.
      assert.isAtLeast(held.length, Math.min(pdus, 16) - 1, `seed ${seed}`)
      assert.isAtMost(held.length, pdus)
      assert.deepStrictEqual(held, told.slice(-held.length), `seed ${seed}`)
    }
  })

  it("grows to its limit while PDUs come fast, and stays small while they do not", () => {
    const [busy, idle] = [recorderOf({ pdus: 512 }), recorderOf({ pdus: 512 })]
    const { at, b } = headerOf(makeRandom(1), 0, 0)
    for (let n = 0; n < 2_000; n++) {
      busy.received(b, at)
      pass(fast)
    }
    for (let n = 0; n < 2_000; n++) {
      idle.received(b, at)
      pass(slow)
    }
    assert.lengthOf(heldBy(busy), 512)
    assert.lengthOf(heldBy(idle), 16)
    assert.strictEqual(busy.bytes, 512 * 64)
    assert.strictEqual(idle.bytes, 16 * 64)
  })

  it("tells when PDUs came, in nanoseconds since the connection", () => {
    const recorder = recorderOf()
    const { at, b } = headerOf(makeRandom(1), 0, 0)
    pass(1.5)
    recorder.received(b, at)
    pass(2)
    recorder.sent(b, at)
    assert.deepStrictEqual(
      captureEntries(recorder.entries()).map(({ nanos }) => nanos),
      [1_500_000, 3_500_000]
    )
  })

  it("finds the command that has a tag, the last of them", () => {
    const recorder = recorderOf()
    const random = makeRandom(3)
    const tags = [5, 6, 5, 7]
    for (const tag of tags) {
      const { at, b } = headerOf(random, Opcode.scsiCommand, tag)
      recorder.received(b, at)
      const answer = headerOf(random, Opcode.scsiResponse, tag)
      recorder.sent(answer.b, answer.at)
    }
    assert.deepStrictEqual(
      [5, 6, 7, 8].map((tag) => recorder.ordinalOfCommand(tag)),
      [4, 2, 6, undefined]
    )
  })
})

describe("off", () => {
  it("takes nothing and tells nothing", () => {
    const recorder = recorderOf({ pdus: 0, dataBytes: 64 })
    const { at, b } = headerOf(makeRandom(1), Opcode.scsiCommand, 1)
    for (let n = 0; n < 100; n++) {
      recorder.received(b, at)
      assert.isFalse(recorder.takesData)
      recorder.receivedText(Buffer.from("InitiatorName=a\0"))
      recorder.sentControl(b, at, Buffer.from("x"))
      recorder.sentData(b, 0, 10)
    }
    assert.strictEqual(recorder.entries().length, 0)
    assert.strictEqual(budget.used, 0)
    assert.isUndefined(recorder.ordinalOfCommand(1))
  })
})

describe("its memory", () => {
  it("is taken of the budget, and given back", () => {
    const recorder = recorderOf({ pdus: 4_096 })
    const { at, b } = headerOf(makeRandom(1), 0x21, 0)
    for (let n = 0; n < 5_000; n++) recorder.sentControl(b, at, Buffer.alloc(20, 1))
    assert.isAtLeast(budget.used, 4_096 * 64)
    recorder.drop()
    assert.strictEqual(budget.used, 0)
    assert.strictEqual(recorder.entries().length, 0)
    assert.strictEqual(recorder.bytes, 0)
  })

  it("is not taken where there is little left: the ring stays as it is", () => {
    budget = MemoryBudget.sized(64 * 1024)
    const recorder = recorderOf({ pdus: 4_096 })
    const { at, b } = headerOf(makeRandom(1), 0, 0)
    for (let n = 0; n < 5_000; n++) recorder.received(b, at)
    assert.strictEqual(recorder.bytes, 32_768)
    assert.isAtLeast(budget.limit - budget.used, budget.limit / 4)
    assert.strictEqual(heldBy(recorder).at(-1)?.ordinal, 4_999)
    budget.account("connections").takeAnyway(budget.limit)
    const later = recorderOf()
    for (let n = 0; n < 20; n++) later.received(b, at)
    assert.strictEqual(later.entries().length, 0)
  })

  it("is bounded whatever is to be recorded", () => {
    const recorder = recorderOf({ pdus: 16_384, dataBytes: 4_096 })
    const { at, b } = headerOf(makeRandom(1), Opcode.scsiCommand, 0)
    for (let n = 0; n < 20_000; n++) recorder.received(b, at)
    assert.isAtMost(recorder.bytes, recorderBytesMax)
    assert.isAtLeast(heldBy(recorder).length, 1_000)
  })
})

describe("data", () => {
  it("of disks is kept up to the bytes that were asked for, though other PDUs are sent meanwhile", () => {
    const recorder = recorderOf({ dataBytes: 10 })
    const { at, b } = headerOf(makeRandom(1), Opcode.dataOut, 1)
    const data = Buffer.from("0123456789abcdef")
    recorder.received(b, at)
    assert.isTrue(recorder.takesData)
    recorder.data(data, 0, 4)
    recorder.sent(b, at)
    recorder.sentData(data, 3, 6)
    recorder.data(data, 4, 16)
    assert.deepStrictEqual(
      captureEntries(recorder.entries()).map((entry) => Buffer.from(entry.data).toString()),
      ["0123456789", "345"]
    )
  })

  it("of logins and text is none of a disk's: it is never taken as it is", () => {
    const recorder = recorderOf({ dataBytes: 64 })
    for (const opcode of [Opcode.login, Opcode.text]) {
      const { at, b } = headerOf(makeRandom(1), opcode, 1)
      recorder.received(b, at)
      assert.isFalse(recorder.takesData)
      recorder.receivedText(Buffer.from("InitiatorName=a\0CHAP_R=0x1234\0"))
    }
    assert.deepStrictEqual(
      captureEntries(recorder.entries()).map(({ data }) => Buffer.from(data).toString()),
      Array(2).fill("InitiatorName=a\0CHAP_R=XXXXXX\0")
    )
  })

  it("that tells what happened is kept, the newest of it", () => {
    const recorder = recorderOf({ pdus: 4_096 })
    const { at, b } = headerOf(makeRandom(1), Opcode.scsiResponse, 1)
    for (let n = 0; n < 1_000; n++) recorder.sentControl(b, at, Buffer.from(`sense ${n}`))
    const kept = captureEntries(recorder.entries()).filter(({ data }) => data.length > 0)
    assert.isAtLeast(kept.length, 100)
    for (const { data, ordinal } of kept) assert.strictEqual(Buffer.from(data).toString(), `sense ${ordinal}`)
    assert.strictEqual(kept.at(-1)?.ordinal, 999)
  })
})
