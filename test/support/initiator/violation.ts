/**
 * How a test states what well-behaved initiators never send, and the pieces that such things are made of. Section
 * numbers are RFC 7143's.
 */
import { assert } from "vitest"
import { cdb } from "./commands.ts"
import { defaultKeys } from "./login.ts"
import { makePattern } from "./pattern.ts"
import { type HeaderFields, Opcode, type Pdu } from "./pdu.ts"
import type { RawSession } from "./RawSession.ts"

/** Queue depth of the target that they are meant for. */
export const queueDepth = 16
/** Where the writes of violations go: 8 blocks. */
export const place = { block: 16, blocks: 8, bytes: 4096 }
/** One thing that is wrong: `act` does it, and may take answers before; `answers` are those to the last of it. */
export interface Violation {
  readonly name: string
  /** Of RFC 7143. */
  readonly section: string
  readonly act: (raw: RawSession) => Promise<void> | void
  readonly answers: ReadonlyArray<string>
  /** The session may not go on. */
  readonly ends?: true
  readonly keys?: Readonly<Record<string, string>>
}

/** What they write, as version 2 of the pattern. */
export const data = makePattern(place.block, place.blocks, 2, 512)
/** The command for it. */
export const write = cdb.write10(place.block, place.blocks)
/** All data of writes is asked for. */
export const solicited = {
  ...defaultKeys,
  InitialR2T: "Yes",
  ImmediateData: "No",
  MaxBurstLength: "2048",
  MaxOutstandingR2T: "1"
}
/** A first burst may come unasked. */
export const unsolicited = { ...defaultKeys, InitialR2T: "No", ImmediateData: "Yes", FirstBurstLength: "2048" }

/** TEST UNIT READY at LUN 0; its task tag. */
export const testUnitReady = (raw: RawSession, fields: Partial<HeaderFields> = {}): number =>
  raw.command({ cdb: cdb.testUnitReady(), flags: 0x81, ...fields })

/** A write that waits for its data, and its first R2T. */
export const beginWrite = async (raw: RawSession): Promise<{ readonly tag: number; readonly r2t: Pdu }> => {
  const tag = raw.command({ cdb: write, expectedBytes: place.bytes })
  const r2t = (await raw.answers()).find((pdu) => pdu.opcode === Opcode.readyToTransfer)
  assert(r2t !== undefined)
  return { tag, r2t }
}

/** Answers the first R2T of a write with Data-Out that `change` makes wrong. */
export const answerWrongly =
  (bytes: number, change: (r2t: Pdu) => Partial<HeaderFields>) =>
  async (raw: RawSession): Promise<void> => {
    const { r2t, tag } = await beginWrite(raw)
    raw.dataOut(tag, data.subarray(0, bytes), { word20: r2t.targetTransferTag, ...change(r2t) })
  }
