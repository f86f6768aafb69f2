/** What a reactor has recorded of its connections: of those that are there, and of those that have ended. */
import { assert, beforeEach, describe, it } from "vitest"
import { recorderPlanDefault } from "../../../../src/cli/serve/recorder-flags.ts"
import type { Recording } from "../../../../src/dataplane/iscsi/recorder/Recordings.ts"
import { recorderDefault } from "../../../../src/dataplane/limits.ts"
import { CaptureFlag, captureEntries } from "../../../../src/domain/capture/capture-entry.ts"
import { Opcode } from "../../../support/initiator/pdu.ts"
import {
  addTarget,
  initiatorName,
  loggedIn,
  ramDisk,
  read10,
  TestNode,
  TestPeer,
  targetName,
  targetSpec,
  write10
} from "../fixture.ts"

let node: TestNode

beforeEach(() => {
  node = new TestNode({ maxConnectionsPerSession: 2, maxSessions: 64 })
  addTarget(node, { 0: ramDisk(64) })
})

const recordings = (selection = {}): ReadonlyArray<Recording> => node.captured(selection).recordings
const idsOf = (found: ReadonlyArray<Recording>): ReadonlyArray<number> => found.map(({ connection }) => connection)

/** Opcodes in the order of the PDUs, with `>` for what the target has sent. */
const opcodesOf = (recording: Recording | undefined): ReadonlyArray<string> =>
  captureEntries(recording?.entries ?? new Uint8Array(0)).map(({ flags, header }) => {
    const opcode = ((header[0] ?? 0) & 0x3f).toString(16).padStart(2, "0")
    return (flags & CaptureFlag.sent) === 0 ? opcode : `>${opcode}`
  })

const recordingOf = (peer: TestPeer): Recording | undefined => recordings({ connections: [peer.connection.id] })[0]

const cut = (peer: TestPeer): void => {
  if (peer.connection.state !== "exiting") peer.connection.cut("the test cuts it", "kicked")
  peer.socket.destroy()
  peer.socket.emit("close")
}

describe("a connection that is there", () => {
  it("has been recorded from its first PDU on", () => {
    const peer = loggedIn(node)
    peer.command(0xc1, read10(0, 1), 512)
    peer.command(0xa1, write10(0, 1), 512, Buffer.alloc(512))
    const recording = recordingOf(peer)
    assert.deepStrictEqual(opcodesOf(recording), ["03", ">23", "01", ">21", "01", ">25", "01", ">21"])
    assert.deepInclude(recording, { initiatorName, targetName, tsih: 1, pduCount: 8 })
    assert.notProperty(recording, "closedMillisAgo")
  })

  it("has a command once that came before its turn, when it was taken", () => {
    const first = loggedIn(node, { keys: [["MaxConnections", "2"]] })
    const second = new TestPeer(node)
    const tsih = first.connection.session?.tsih ?? 0
    second.cmdSn = first.cmdSn
    assert.strictEqual(second.login({ keys: [["MaxConnections", "2"]], tsih, cid: 2 }).loginStatus, 0)
    const before = opcodesOf(recordingOf(second))
    second.bytes(second.commandBytes(0xc1, read10(0, 1), 512, undefined, { cmdSn: first.cmdSn + 1 }))
    assert.deepStrictEqual(opcodesOf(recordingOf(second)), before)
    first.command(0xc1, read10(1, 1), 512)
    assert.deepStrictEqual(opcodesOf(recordingOf(second)), [...before, "01", ">25"])
  })

  it("has a header whose digest is wrong, marked", () => {
    const peer = new TestPeer(node)
    peer.login({ keys: [["HeaderDigest", "CRC32C"]] })
    peer.digests = { header: true, data: false }
    const bytes = peer.commandBytes(0xc1, read10(0, 1), 512)
    bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
    peer.bytes(bytes)
    const [recording] = recordings()
    const [last] = captureEntries(recording?.entries ?? new Uint8Array(0)).slice(-1)
    assert.isDefined(last)
    assert.strictEqual(last.flags, CaptureFlag.headerDigest | CaptureFlag.badHeader)
    assert.deepStrictEqual(Buffer.from(last.header), bytes.subarray(0, 48))
  })
})

describe("connections that have ended", () => {
  it("are kept with the reason, the last 16 of them", () => {
    const peers = Array.from({ length: 20 }, (_, index) => loggedIn(node, { isid: `8000000001${index + 10}` }))
    const ids = peers.map(({ connection }) => connection.id)
    for (const peer of peers) cut(peer)
    node.clock += 500
    const found = recordings()
    assert.deepStrictEqual(idsOf(found), ids.slice(-16))
    assert.deepInclude(found[0], { closeReason: "the test cuts it", closedMillisAgo: 500, tsih: 5 })
    assert.strictEqual(opcodesOf(found[0]).at(-1), ">32")
  })

  it("stay though many others only try to log in, or connect and say nothing", () => {
    const peer = loggedIn(node)
    cut(peer)
    for (let n = 0; n < 50; n++) {
      const stranger = new TestPeer(node)
      if (n % 2 === 0) stranger.login({ target: "iqn.2016-06.io.spdk:no-such-target" })
      cut(stranger)
    }
    const found = recordings()
    assert.strictEqual(found[0]?.connection, peer.connection.id)
    assert.lengthOf(found, 1 + 16)
    assert.isTrue(found.slice(1).every(({ closeReason }) => closeReason?.startsWith("login refused")))
  })

  it("give their memory back when others need it", () => {
    const memory = node.memory.account("connections")
    const before = memory.used
    for (let n = 0; n < 10; n++) cut(loggedIn(node))
    assert.isAbove(memory.used, before)
    node.recordings.drop()
    assert.strictEqual(memory.used, before)
    assert.isEmpty(recordings())
  })
})

describe("a selection", () => {
  it("is of a session, an initiator, a target by either name, or single connections", () => {
    const other = "iqn.2016-06.io.spdk:other"
    addTarget(node, { 0: ramDisk(64) }, { name: other, incarnation: 2 })
    const [one, two] = [loggedIn(node), loggedIn(node, { target: other, name: "iqn.2020-01.org.example:b" })]
    const [a, b] = [one.connection.id, two.connection.id]
    assert.deepStrictEqual(idsOf(recordings()), [a, b])
    assert.deepStrictEqual(idsOf(recordings({ tsih: two.connection.session?.tsih })), [b])
    assert.deepStrictEqual(idsOf(recordings({ initiatorName: initiatorName.toUpperCase() })), [a])
    assert.deepStrictEqual(idsOf(recordings({ target: "OTHER" })), [b])
    assert.deepStrictEqual(idsOf(recordings({ target: targetSpec().name })), [a])
    assert.deepStrictEqual(idsOf(recordings({ connections: [b, 99] })), [b])
    assert.isEmpty(recordings({ target: "othe" }))
  })

  it("comes in pages that leave nobody out", () => {
    const ids = Array.from(
      { length: 12 },
      (_, index) => loggedIn(node, { isid: `8000000002${index + 10}` }).connection.id
    )
    const found: Array<number> = []
    for (let from = 0; ; ) {
      const page = recordings({ from, maxBytes: 1_000 })
      const last = page.at(-1)
      if (last === undefined) break
      assert.isBelow(page.length, ids.length)
      found.push(...idsOf(page))
      from = last.connection + 1
    }
    assert.deepStrictEqual(found, ids)
  })
})

it("records as much as the command line says if nothing is asked for", () => {
  assert.deepStrictEqual({ ...recorderPlanDefault }, { ...recorderDefault })
  const peer = loggedIn(node)
  for (let n = 0; n < 600; n++) {
    peer.send({ opcode: Opcode.nopOut, immediate: true, initiatorTaskTag: n, word20: 0xff_ff_ff_ff, cmdSn: peer.cmdSn })
  }
  assert.lengthOf(opcodesOf(recordingOf(peer)), recorderDefault.pdus)
})
