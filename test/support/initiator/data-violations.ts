/** Data of writes that comes as it should not (RFC 7143 sections 4.2.5.2, 11.3, 11.4.7.2 and 11.7). */
import { assert } from "vitest"
import { cdb } from "./commands.ts"
import { reservedTag } from "./pdu.ts"
import { answerWrongly, beginWrite, data, place, type Violation, write } from "./violation.ts"

/** Where all data has to be asked for, 2048 bytes at a time. */
export const solicitedData: ReadonlyArray<Violation> = [
  {
    name: "with a DataSN that skips one",
    section: "4.2.2.3",
    act: answerWrongly(2048, () => ({ word36: 1 })),
    answers: ["b/47/05"]
  },
  {
    name: "with a DataSN that was used",
    section: "4.2.2.3",
    act: async (raw) => {
      const { r2t, tag } = await beginWrite(raw)
      const fields = { word20: r2t.targetTransferTag, flags: 0 }
      raw.dataOut(tag, data.subarray(0, 512), fields)
      raw.dataOut(tag, data.subarray(512, 1024), { ...fields, word40: 512 })
    },
    answers: ["b/47/05"]
  },
  {
    name: "that overlaps what has come",
    section: "13.18",
    act: async (raw) => {
      const { r2t, tag } = await beginWrite(raw)
      const fields = { word20: r2t.targetTransferTag, flags: 0 }
      raw.dataOut(tag, data.subarray(0, 1024), fields)
      raw.dataOut(tag, data.subarray(512, 1536), { ...fields, word36: 1, word40: 512 })
    },
    answers: ["b/47/05"]
  },
  {
    name: "that leaves a hole",
    section: "13.18",
    act: answerWrongly(1024, () => ({ word40: 1024 })),
    answers: ["b/47/05"]
  },
  {
    name: "far beyond the command",
    section: "11.7.5",
    act: answerWrongly(512, () => ({ word40: 0xfffffe00 })),
    answers: ["b/47/05"]
  },
  {
    name: "that is more than was asked for",
    section: "11.4.7.2",
    act: answerWrongly(2560, () => ({})),
    answers: ["b/0c/0d"]
  },
  {
    name: "that is less than was asked for, as final",
    section: "11.4.7.2",
    act: answerWrongly(1536, () => ({})),
    answers: ["b/0c/0d"]
  },
  {
    name: "without the final bit, which comes later by itself",
    section: "11.7.1",
    act: async (raw) => {
      const tag = raw.command({ cdb: cdb.write10(place.block, 4), expectedBytes: 2048 })
      const [r2t] = await raw.answers()
      const word20 = r2t?.targetTransferTag ?? 0
      raw.dataOut(tag, data.subarray(0, 2048), { word20, flags: 0 })
      assert.deepStrictEqual(await raw.answerTexts(), [])
      raw.dataOut(tag, Buffer.alloc(0), { word20, word36: 1, word40: 2048 })
    },
    answers: ["GOOD"]
  },
  {
    name: "with a transfer tag that was not given",
    section: "11.7.4",
    act: answerWrongly(2048, ({ targetTransferTag }) => ({ word20: targetTransferTag ^ 0x40000000 })),
    answers: ["b/47/05"]
  },
  {
    name: "with a transfer tag that has been served",
    section: "11.7.4",
    act: async (raw) => {
      const { r2t, tag } = await beginWrite(raw)
      raw.dataOut(tag, data.subarray(0, 2048), { word20: r2t.targetTransferTag })
      assert.deepStrictEqual(await raw.answerTexts(), ["R2T"])
      raw.dataOut(tag, data.subarray(2048), { word20: r2t.targetTransferTag, word40: 2048 })
    },
    answers: ["b/47/05"]
  },
  {
    name: "with the transfer tag of another task",
    section: "11.7.4",
    act: async (raw) => {
      const first = await beginWrite(raw)
      const second = await beginWrite(raw)
      raw.dataOut(second.tag, data.subarray(0, 2048), { word20: first.r2t.targetTransferTag })
    },
    answers: ["b/47/05"]
  },
  {
    name: "without a transfer tag",
    section: "11.4.7.2",
    act: answerWrongly(2048, () => ({ word20: reservedTag })),
    answers: ["b/0c/0c"]
  },
  {
    name: "for a task that there is not",
    section: "11.7",
    act: (raw) => raw.dataOut(0x4711, data.subarray(0, 2048), { word20: 0 }),
    answers: []
  },
  {
    name: "for a task that has failed: what was on its way is dropped",
    section: "11.4.7.2",
    act: async (raw) => {
      const { r2t, tag } = await beginWrite(raw)
      const word20 = r2t.targetTransferTag
      raw.dataOut(tag, data.subarray(0, 512), { word20, word36: 7 })
      raw.dataOut(tag, data.subarray(0, 512), { word20 })
      raw.dataOut(tag, data.subarray(512, 2048), { word20, word40: 512, word36: 1 })
    },
    answers: ["b/47/05"]
  },
  {
    name: "as immediate data that was not agreed on",
    section: "11.4.7.2",
    act: (raw) => void raw.command({ cdb: write, data: data.subarray(0, 512), expectedBytes: place.bytes }),
    answers: ["b/0c/0c"]
  },
  {
    name: "announced as unsolicited where an R2T has to come first",
    section: "11.4.7.2",
    act: (raw) => {
      const tag = raw.command({ cdb: write, flags: 0x21, expectedBytes: place.bytes })
      raw.dataOut(tag, data.subarray(0, 2048))
    },
    answers: ["b/0c/0c"]
  }
]

/** Where 2048 bytes may come unasked. */
export const unsolicitedData: ReadonlyArray<Violation> = [
  {
    name: "as immediate data beyond FirstBurstLength",
    section: "11.4.7.2",
    act: (raw) => void raw.command({ cdb: write, data: data.subarray(0, 2560), expectedBytes: place.bytes }),
    answers: ["b/0c/0c"]
  },
  {
    name: "as immediate data beyond the expected length",
    section: "11.4.7.2",
    act: (raw) => void raw.command({ cdb: write, data: data.subarray(0, 1024), expectedBytes: 512 }),
    answers: ["b/0c/0c"]
  },
  {
    name: "beyond FirstBurstLength",
    section: "11.4.7.2",
    act: (raw) => {
      const tag = raw.command({ cdb: write, flags: 0x21, data: data.subarray(0, 512), expectedBytes: place.bytes })
      raw.dataOut(tag, data.subarray(512, 2560), { word40: 512 })
    },
    answers: ["b/0c/0c"]
  },
  {
    name: "that ends before FirstBurstLength",
    section: "11.4.7.2",
    act: (raw) => {
      const tag = raw.command({ cdb: write, flags: 0x21, data: data.subarray(0, 512), expectedBytes: place.bytes })
      raw.dataOut(tag, data.subarray(512, 1024), { word40: 512 })
    },
    answers: ["b/0c/0d"]
  },
  {
    name: "that goes on after its final bit",
    section: "11.7.1",
    act: (raw) => {
      const tag = raw.command({ cdb: write, flags: 0x21, expectedBytes: place.bytes })
      raw.dataOut(tag, data.subarray(0, 2048))
      raw.dataOut(tag, data.subarray(2048), { word40: 2048, word36: 1 })
    },
    answers: ["R2T", "b/0c/0c"]
  },
  {
    name: "with a command that takes none",
    section: "11.3.4",
    act: (raw) => {
      const tag = raw.command({
        cdb: cdb.testUnitReady(),
        flags: 0x21,
        data: data.subarray(0, 512),
        expectedBytes: 2048
      })
      raw.dataOut(tag, data.subarray(512, 2048), { word40: 512 })
    },
    answers: ["GOOD"]
  }
]
