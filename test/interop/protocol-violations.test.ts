/**
 * What well-behaved initiators never send, against a running target: for each the answer that RFC 7143 asks for (its
 * section is with it), and the state after it. Either the session goes on and does IO, or it is over and nothing of it
 * is left; the disk changes only where the command was allowed to write, in whole blocks.
 */
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { cdb, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { solicitedData, unsolicitedData } from "../support/initiator/data-violations.ts"
import { defaultKeys } from "../support/initiator/login.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern, versionsOf } from "../support/initiator/pattern.ts"
import { type HeaderFields, Opcode, reservedTag } from "../support/initiator/pdu.ts"
import { RawSession } from "../support/initiator/RawSession.ts"
import type { Session } from "../support/initiator/Session.ts"
import {
  beginWrite,
  data,
  place,
  queueDepth,
  solicited,
  testUnitReady,
  unsolicited,
  type Violation,
  write
} from "../support/initiator/violation.ts"

const targetName = `${nodeBase}:violations`
const diskBlocks = 64
let lunlog: Lunlog
let witness: Session

beforeAll(async () => {
  lunlog = await startLunlog()
  await lunlog.createMalloc("Malloc0", 1)
  await lunlog.createTarget({ name: targetName, luns: { 0: "Malloc0" }, queueDepth })
  witness = await lunlog.open(targetName, {}, 0)
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())

const commandNumbers: ReadonlyArray<Violation> = [
  ["one that was used", -1],
  ["one from long ago", -1000],
  ["one beyond the window", queueDepth],
  ["one half the number space away", 0x80000000]
].map(([name, offset]) => ({
  name: `a CmdSN that is ${name}`,
  section: "4.2.2.1",
  act: (raw) => void raw.command({ cdb: write, data, expectedBytes: place.bytes, cmdSn: raw.cmdSn + Number(offset) }),
  answers: []
}))

const commands: ReadonlyArray<Violation> = [
  ...commandNumbers,
  {
    name: "a CmdSN that leaves a gap which no other connection can fill",
    section: "4.2.2.1",
    act: (raw) => void testUnitReady(raw, { cmdSn: raw.cmdSn + 1 }),
    answers: [],
    ends: true
  },
  {
    name: "a command twice, with the same CmdSN and tag",
    section: "4.2.2.1",
    act: (raw) => {
      const { cmdSn } = raw
      const initiatorTaskTag = testUnitReady(raw)
      testUnitReady(raw, { initiatorTaskTag, cmdSn })
    },
    answers: ["GOOD"]
  },
  {
    name: "a task tag that another task has",
    section: "11.2.1.8",
    keys: solicited,
    act: async (raw) => {
      const { tag } = await beginWrite(raw)
      testUnitReady(raw, { initiatorTaskTag: tag })
    },
    answers: [],
    ends: true
  },
  {
    name: "the reserved task tag",
    section: "11.2.1.8",
    act: (raw) => void testUnitReady(raw, { initiatorTaskTag: reservedTag }),
    answers: [],
    ends: true
  },
  {
    name: "reserved bits",
    section: "11.2",
    act: (raw) => void testUnitReady(raw, { flags: 0x99, byte2: 0xff, byte3: 0xff }),
    answers: ["GOOD"]
  },
  {
    name: "the task attribute ACA",
    section: "11.3.1.2",
    act: (raw) => void testUnitReady(raw, { flags: 0x84 }),
    answers: ["5/24/00"]
  },
  {
    name: "data in both directions",
    section: "11.3.1",
    act: (raw) => void raw.command({ cdb: write, flags: 0xe1, data, expectedBytes: place.bytes }),
    answers: ["Reject 09h"]
  },
  {
    name: "an expected length for data in, in an additional header",
    section: "11.2.2.4",
    act: (raw) => {
      const additionalHeader = Buffer.from([0, 5, 2, 0, 0, 0, 2, 0])
      raw.command({ cdb: write, data, expectedBytes: place.bytes, additionalHeader })
    },
    answers: ["Reject 09h"]
  },
  {
    name: "a CDB that goes on in an additional header",
    section: "11.2.2.3",
    act: (raw) => {
      const additionalHeader = Buffer.concat([Buffer.from([0, 17, 1, 0]), Buffer.alloc(16)])
      raw.command({ cdb: Buffer.from([0x7f]), flags: 0x81, additionalHeader })
    },
    answers: ["5/20/00"]
  },
  ...[0x0100n << 48n, 0x8001n << 48n, 0xc102n << 48n, 0xc201n << 48n, 1n, 0xffffffffffffffffn].map((lun) => ({
    name: `the LUN ${lun.toString(16)}`,
    section: "11.2.1.7",
    act: (raw: RawSession) => void testUnitReady(raw, { lun }),
    answers: ["5/25/00"]
  })),
  {
    name: "more immediate commands than there may be",
    section: "4.2.2.1",
    keys: solicited,
    act: async (raw) => {
      for (let count = 0; count < queueDepth + 64; count++) {
        raw.command({ cdb: write, expectedBytes: place.bytes, immediate: true })
      }
      await raw.answers()
      testUnitReady(raw, { immediate: true })
      raw.send({ opcode: Opcode.taskManagement, immediate: true, flags: 0x82, initiatorTaskTag: raw.nextTag() })
    },
    answers: ["status 28h", "function 0"]
  }
]

const text = (raw: RawSession, fields: Partial<HeaderFields>, pairs = "SendTargets="): void =>
  raw.send(
    { opcode: Opcode.text, immediate: true, initiatorTaskTag: 77, word20: reservedTag, ...fields },
    Buffer.from(`${pairs}\0`)
  )

const otherPdus: ReadonlyArray<Violation> = [
  ...[0x07, 0x1d, 0x25, 0x31, 0x3f].map((opcode) => ({
    name: `the opcode ${opcode.toString(16)}h, which no initiator has`,
    section: "11.17.1",
    act: (raw: RawSession) => raw.send({ opcode, immediate: true, initiatorTaskTag: raw.nextTag() }),
    answers: ["Reject 05h"]
  })),
  {
    name: "an unknown opcode with a CmdSN, which it uses up",
    section: "11.17.1",
    act: (raw) => raw.send({ opcode: 0x1c, initiatorTaskTag: raw.nextTag() }),
    answers: ["Reject 05h"]
  },
  {
    name: "a data segment longer than the target takes",
    section: "13.12",
    act: (raw) => {
      const header = Buffer.alloc(48)
      header[0] = 0x40
      header.writeUIntBE(256 * 1024 + 1, 5, 3)
      raw.wire.sendBytes(header)
    },
    answers: [],
    ends: true
  },
  ...[0, 1, 2, 3].map((kind) => ({
    name: `SNACK of type ${kind}`,
    section: "11.16",
    act: (raw: RawSession) =>
      raw.send({ opcode: Opcode.snack, flags: 0x80 | kind, initiatorTaskTag: reservedTag, word20: reservedTag }),
    answers: ["Reject 03h"]
  })),
  {
    name: "a login request",
    section: "11.12",
    act: (raw) => raw.send({ opcode: Opcode.login, immediate: true, flags: 0x87, initiatorTaskTag: 5 }),
    answers: [],
    ends: true
  },
  {
    name: "a NOP-Out that wants an answer and gives one",
    section: "11.18",
    act: (raw) => raw.send({ opcode: Opcode.nopOut, immediate: true, initiatorTaskTag: raw.nextTag(), word20: 4 }),
    answers: ["Reject 09h"]
  },
  {
    name: "text that goes on and is final",
    section: "11.10.2",
    act: (raw) => text(raw, { flags: 0xc0 }),
    answers: [],
    ends: true
  },
  {
    name: "text with a transfer tag that was not given",
    section: "11.10.4",
    act: (raw) => text(raw, { word20: 5 }),
    answers: [],
    ends: true
  },
  {
    name: "text of one exchange with the tag of another task",
    section: "11.10.3",
    act: async (raw) => {
      text(raw, { flags: 0x00 })
      const [answer] = await raw.answers()
      text(raw, { initiatorTaskTag: 78, word20: answer?.targetTransferTag ?? 0 })
    },
    answers: [],
    ends: true
  },
  {
    name: "text that does not end",
    section: "6.1",
    act: async (raw) => {
      let word20 = reservedTag
      for (let count = 0; count < 32 && !raw.isClosed; count++) {
        text(raw, { flags: 0x40, word20 }, `X-long=${"x".repeat(4000)}`)
        const [answer] = await raw.answers()
        word20 = answer?.targetTransferTag ?? word20
      }
    },
    answers: [],
    ends: true
  },
  ...[
    ["a connection that there is not", 1, 77, "logout 1"],
    ["recovery, which level 0 has not", 2, 1, "logout 2"],
    ["a reserved reason", 3, 1, "Reject 09h"]
  ].map(([name, reason, cid, answer]) => ({
    name: `a logout for ${name}`,
    section: "11.14.1",
    act: (raw: RawSession) => {
      const fields = { flags: 0x80 | Number(reason), word20: Number(cid) << 16, initiatorTaskTag: raw.nextTag() }
      raw.send({ opcode: Opcode.logout, immediate: true, ...fields })
    },
    answers: [String(answer)]
  })),
  ...[
    ["that is reserved", { flags: 0xff }, "function 255"],
    ["at a LUN that can't be", { flags: 0x82, lun: 0xffffn }, "function 2"],
    ["on a task that there is not", { flags: 0x81, word20: 0x4711 }, "function 1"],
    ["without a tag", { flags: 0x82, initiatorTaskTag: reservedTag }, "Reject 09h"]
  ].map(([name, fields, answer]) => ({
    name: `a task management function ${name}`,
    section: "11.5",
    act: (raw: RawSession) => {
      const defaults = { opcode: Opcode.taskManagement, immediate: true, initiatorTaskTag: raw.nextTag() }
      raw.send({ ...defaults, ...(typeof fields === "object" ? fields : {}) })
    },
    answers: [String(answer)]
  })),
  {
    name: "a write behind a logout",
    section: "11.14",
    act: (raw) => {
      raw.send({ opcode: Opcode.logout, immediate: true, flags: 0x80, initiatorTaskTag: raw.nextTag() })
      raw.command({ cdb: write, data, expectedBytes: place.bytes })
    },
    answers: ["logout 0"],
    ends: true
  }
]

/** Until the server has no connection but the witness's, as it says itself. */
const untilAlone = async (): Promise<void> => {
  const deadline = performance.now() + 10_000
  for (;;) {
    const connections = await lunlog.call("iscsi_get_connections")
    if (Array.isArray(connections) && connections.length === 1) return
    assert.isBelow(performance.now(), deadline, JSON.stringify(connections))
    await delay(5)
  }
}

const goodIo = async (raw: RawSession): Promise<void> => {
  const block = makePattern(0, 1, 1, 512)
  raw.command({ cdb: cdb.write10(0, 1), expectedBytes: 512 })
  const [r2t] = await raw.answers()
  const tag = r2t?.initiatorTaskTag ?? 0
  raw.dataOut(tag, block, { word20: r2t?.targetTransferTag ?? 0 })
  assert.deepStrictEqual(await raw.answerTexts(), ["GOOD"])
  raw.command({ cdb: cdb.read10(0, 1), flags: 0xc1, expectedBytes: 512 })
  const [read] = await raw.answers()
  assert(read?.data.equals(block))
}

const run = async (violation: Violation, keys: Readonly<Record<string, string>>): Promise<void> => {
  await writeBlocks(witness, 0, 0, makePattern(0, diskBlocks, 1, 512))
  const raw = new RawSession(await lunlog.open(targetName, { keys: violation.keys ?? keys }, 0))
  try {
    await violation.act(raw)
    const expected = violation.ends ? [...violation.answers, "closed"] : violation.answers
    assert.deepStrictEqual(await raw.answerTexts(), expected)
    if (!violation.ends) await goodIo(raw)
  } finally {
    raw.wire.destroy()
    await untilAlone()
  }
  const versions = versionsOf(await readBlocks(witness, 0, 0, diskBlocks), 0, [1, 2], 512)
  const outside = [...versions.slice(0, place.block), ...versions.slice(place.block + place.blocks)]
  assert.deepStrictEqual(new Set(outside), new Set([1]), "blocks of no command")
  assert.notInclude(versions, undefined, "a block is old or new")
  if (violation.answers.length === 0) assert.notInclude(versions, 2, "what is not answered is not done")
}

const withoutUnsolicited = { ...defaultKeys, InitialR2T: "Yes", ImmediateData: "Yes" }

describe.each([
  ["a command with", commands, withoutUnsolicited],
  ["solicited data", solicitedData, solicited],
  ["unsolicited data", unsolicitedData, unsolicited],
  ["other PDUs:", otherPdus, withoutUnsolicited]
] as const)("%s", (_name, violations, keys) => {
  it.each(violations.map((violation) => [violation.name, violation.section, violation] as const))(
    "%s (RFC 7143 section %s)",
    (_violation, _section, violation) => run(violation, keys)
  )
})
