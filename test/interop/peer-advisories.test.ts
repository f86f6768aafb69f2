/**
 * What other targets were broken by, tried against a running lunlog: the advisories of SPDK, tgt, the Linux kernel's
 * target and FreeBSD's. docs/security.md says what each was. After each the target serves as before.
 */

import { once } from "node:events"
import { connect } from "node:net"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "vitest"
import { cdb, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { copyList, extendedCopyCdb } from "../support/initiator/copy-list.ts"
import { HostSession } from "../support/initiator/HostSession.ts"
import { designatorsOf } from "../support/initiator/host-commands.ts"
import { LoginExchange, LoginStatus, login, Stage } from "../support/initiator/login.ts"
import { assertAlive, everybody, holdingsOf, type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { encodePdu, makeHeader, Opcode, Pdu, reservedTag } from "../support/initiator/pdu.ts"
import { RawSession } from "../support/initiator/RawSession.ts"
import type { KeyList } from "../support/initiator/text-keys.ts"
import { Wire } from "../support/initiator/Wire.ts"
import { until } from "../support/until.ts"

const open = `${nodeBase}:open`
const closed = `${nodeBase}:closed`
const owner = "iqn.2024-01.test.lunlog:owner"
const stranger = "iqn.2024-01.test.lunlog:stranger"
const canary = Buffer.from("THIS BELONGS TO SOMEBODY ELSE. ")
const secretBlocks = Buffer.alloc(64 * 512, canary)
const blockBytes = 512

let server: Lunlog
/** Names of LUN 0 of the closed target, and of the LUN that the open one hides. */
let designators: ReadonlyArray<Buffer>

/** The open target shows LUN 0 to everybody, and hides LUN 1; the closed one is the owner's. */
beforeAll(async () => {
  server = await startLunlog()
  for (const name of ["plain", "hidden", "secret"]) await server.createMalloc(name, 1)
  await server.createTarget({ name: open, luns: { 0: "plain", 1: "hidden" } })
  await server.call("iscsi_create_initiator_group", { tag: 2, initiators: [owner], netmasks: ["ANY"] })
  await server.createTarget({ name: closed, luns: { 0: "secret" }, extra: { pg_ig_maps: [{ pg_tag: 1, ig_tag: 2 }] } })
  const found: Array<Buffer> = []
  for (const [target, lun] of [
    [closed, 0],
    [open, 1]
  ] as const) {
    const host = await HostSession.open(server, target, owner, 1, [lun])
    await host.write(lun, 0, secretBlocks)
    found.push(designatorsOf(await host.inquiry(lun, 0x83))[0]?.value ?? Buffer.alloc(0))
    await host.close()
  }
  designators = found
  await server.call("iscsi_target_node_set_map_access", { name: open, ...everybody, luns: [0] })
}, 60_000)

afterAll(() => server?.[Symbol.asyncDispose]())

afterEach(async () => {
  assertAlive(server.process)
  const session = await server.open(open, {}, 0)
  await readBlocks(session, 0, 0, 8)
  await session.logout()
  assert.notInclude(server.process.stderr(), "mistake of lunlog")
})

const strange = (): Promise<HostSession> => HostSession.open(server, open, stranger, 2, [0])

const raw = async (): Promise<RawSession> => new RawSession(await server.open(open, {}, 0))

describe("SPDK", () => {
  it("issue 3927: a PDU that is no login before the login closes the connection, and no more", async () => {
    const opcodes = Object.values(Opcode).filter((opcode) => opcode !== Opcode.login)
    for (const opcode of opcodes) {
      const socket = connect(server.endpoint)
      const [header] = encodePdu(new Pdu(makeHeader({ opcode, flags: 0x80, initiatorTaskTag: 1 })), {
        header: false,
        data: false
      })
      const end = once(socket.resume(), "close")
      socket.write(header ?? Buffer.alloc(48))
      await end
    }
  })

  it("CVE-2021-28361: PDUs without data where data is expected", async () => {
    const session = await raw()
    const write = cdb.write10(0, 1)
    session.command({ cdb: write, expectedBytes: blockBytes, flags: 0xa1 })
    const [r2t] = await session.answers()
    assert(r2t !== undefined)
    assert.strictEqual(r2t.opcode, Opcode.readyToTransfer)
    session.dataOut(r2t.initiatorTaskTag, Buffer.alloc(0), { word20: r2t.targetTransferTag, flags: 0 })
    session.dataOut(r2t.initiatorTaskTag, Buffer.alloc(0), { word20: r2t.targetTransferTag, word36: 1 })
    const ends = await session.answerTexts()
    assert.strictEqual(ends.length, 1)
    assert.notInclude(ends, "GOOD", "a write without its data")
    session.send({ opcode: Opcode.text, initiatorTaskTag: 0x77, word20: reservedTag, flags: 0x80 })
    session.command({ cdb: Buffer.from("5f000000000000001800", "hex"), expectedBytes: 24 })
    await session.answers()
    session.wire.destroy()
    const wire = await Wire.connect(server.endpoint)
    const exchange = new LoginExchange(wire)
    exchange.send({ currentStage: Stage.operational, transit: true, data: Buffer.alloc(0) })
    assert.strictEqual((await exchange.receive()).loginStatus, LoginStatus.missingParameter)
    wire.destroy()
  })

  it("issue 1442: SendTargets to an initiator that takes 512 bytes at once tells of all targets", async () => {
    const names = Array.from({ length: 40 }, (_, index) => `${nodeBase}:listed-${index}`)
    for (const name of names) await server.createTarget({ name, luns: { 0: "plain" } })
    const wire = await Wire.connect(server.endpoint)
    await login(wire, { keys: { MaxRecvDataSegmentLength: "512" } })
    const pieces: Array<Buffer> = []
    let targetTransferTag = reservedTag
    for (let isFinal = false; !isFinal; ) {
      const data = Buffer.from(targetTransferTag === reservedTag ? "SendTargets=All\0" : "")
      const header = { opcode: Opcode.text, flags: 0x80, immediate: true, initiatorTaskTag: 9, cmdSn: 1 }
      wire.send(new Pdu(makeHeader({ ...header, word20: targetTransferTag }), data))
      const answer = await wire.receive()
      assert.isAtMost(answer.data.length, 512)
      pieces.push(answer.data)
      targetTransferTag = answer.targetTransferTag
      isFinal = answer.final
    }
    wire.destroy()
    const text = Buffer.concat(pieces).toString("utf8")
    for (const name of names) assert.include(text, `TargetName=${name}\0`)
    assert.notInclude(text, `TargetName=${closed}`)
    for (const name of names) await server.call("iscsi_delete_target_node", { name })
  })
})

describe("tgt", () => {
  it("CVE-2011-0001: login text that goes on and on is refused, and its connection ends", async () => {
    for (const bytes of [8192, 100]) {
      const wire = await Wire.connect(server.endpoint)
      const exchange = new LoginExchange(wire)
      const data = Buffer.alloc(bytes, "A")
      let status = 0
      for (let sent = 0; status === 0 && sent < 1000; sent++) {
        exchange.send({ currentStage: Stage.operational, continues: true, data })
        status = (await exchange.receive()).loginStatus
      }
      assert.strictEqual(status, LoginStatus.initiatorError)
      await wire.untilClosed()
    }
  })

  it("CVE-2010-0743: names with directives of printf are names", async () => {
    const name = "iqn.2024-01.test:%s%s%n%x%100000d"
    const session = await server.open(open, { initiatorName: name }, 0)
    await session.logout()
    await until("the log has its name", async () =>
      JSON.stringify(await server.call("eventlog_tail", { count: 1000 })).includes(name)
    )
  })

  it("CVE-2024-45751: CHAP challenges have 16 bytes or more, and none comes again after a restart", async () => {
    const challenges = new Set<string>()
    const count = 8
    for (const start of [1, 2]) {
      await using other = await startLunlog()
      await other.createMalloc("disk", 1)
      const secrets = [{ user: "anna", secret: "anna-has-a-secret" }]
      await other.call("iscsi_create_auth_group", { tag: 1, secrets })
      const chap = { disable_chap: false, require_chap: true, chap_group: 1 }
      await other.createTarget({ name: open, luns: { 0: "disk" }, extra: chap })
      for (let each = 0; each < count; each++) challenges.add(await challengeOf(other))
      assert.strictEqual(challenges.size, start * count)
    }
    for (const challenge of challenges) assert.isAtLeast(challenge.length, 2 + 2 * 16)
  })
})

/** CHAP_C of a login that gets no further. */
const challengeOf = async (target: Lunlog): Promise<string> => {
  const wire = await Wire.connect(target.endpoint)
  const exchange = new LoginExchange(wire)
  const keys: KeyList = [
    ["InitiatorName", stranger],
    ["TargetName", open],
    ["AuthMethod", "CHAP"]
  ]
  await exchange.exchange({ currentStage: Stage.security, keys })
  const answer = await exchange.exchange({ currentStage: Stage.security, keys: [["CHAP_A", "5"]] })
  wire.destroy()
  const challenge = answer.keys.find(([key]) => key === "CHAP_C")?.[1]
  assert(challenge !== undefined)
  assert.match(challenge, /^0x/)
  return challenge
}

describe("the Linux kernel's target", () => {
  const identity: KeyList = [
    ["InitiatorName", stranger],
    ["TargetName", open]
  ]

  it("CVE-2013-2850: keys that nobody understands are answered, and refused if they are too long", async () => {
    for (const length of [63, 64, 255, 4000, 8000]) {
      const wire = await Wire.connect(server.endpoint)
      const exchange = new LoginExchange(wire)
      const key = "K".repeat(length)
      const request = { currentStage: Stage.operational, transit: true, keys: [...identity, [key, "x"] as const] }
      exchange.send(request)
      const answer = await exchange.receive()
      const text = answer.data.toString("utf8")
      if (length <= 63) assert.include(text, `${key}=NotUnderstood\0`)
      else assert.strictEqual(answer.loginStatus, LoginStatus.initiatorError)
      assert.isAtMost(text.length, 8192)
      wire.destroy()
    }
  })

  it("CVE-2020-28374: EXTENDED COPY reaches no disk that the session does not see", async () => {
    const host = await strange()
    const own = {
      designator: designatorsOf(await host.inquiry(0, 0x83))[0]?.value ?? Buffer.alloc(0),
      blockLength: 512
    }
    await host.write(0, 0, Buffer.alloc(64 * 512, 0x11))
    for (const designator of designators) {
      for (const [source, destination] of [
        [1, 0],
        [0, 1]
      ] as const) {
        const segment = { source, destination, blocks: 64, sourceLba: 0, destinationLba: 0 }
        const list = copyList([own, { designator, blockLength: 512 }], [segment])
        const outcome = await host.outcome({ lun: 0, cdb: extendedCopyCdb(list.length), writeData: list })
        assert.strictEqual(outcome, "a/0d/02")
      }
    }
    assert.isTrue((await host.read(0, 0, 64)).every((byte) => byte === 0x11))
    await host.close()
    const owned = await HostSession.open(server, closed, owner, 1, [0])
    assert.deepStrictEqual(await owned.read(0, 0, 64), secretBlocks)
    await owned.close()
  })

  it("CVE-2020-28374: nor does it write what the session may only read", async () => {
    await server.call("iscsi_target_node_set_map_access", { name: open, ...everybody, luns: [0, 1], read_only: true })
    const host = await HostSession.open(server, open, stranger, 3, [0, 1])
    const disks = designators.slice(1).map((designator) => ({ designator, blockLength: 512 }))
    const segment = { source: 0, destination: 0, blocks: 8, sourceLba: 0, destinationLba: 16 }
    const list = copyList(disks, [segment])
    const outcome = await host.outcome({ lun: 0, cdb: extendedCopyCdb(list.length), writeData: list })
    assert.notStrictEqual(outcome, "GOOD")
    assert.deepStrictEqual(await host.read(1, 0, 64), secretBlocks)
    await host.close()
    await server.call("iscsi_target_node_set_map_access", { name: open, ...everybody, luns: [0], read_only: false })
  })

  it("CVE-2014-4027: a new RAM disk has nothing in it of one that was deleted", async () => {
    for (let round = 0; round < 3; round++) {
      await server.createMalloc("again", 1)
      const name = `${nodeBase}:again-${round}`
      await server.createTarget({ name, luns: { 0: "again" } })
      const session = await server.open(name, {}, 0)
      assert.isTrue((await readBlocks(session, 0, 0, 2048)).every((byte) => byte === 0))
      await writeBlocks(session, 0, 0, Buffer.alloc(2048 * 512, canary))
      await session.logout()
      await server.call("iscsi_delete_target_node", { name })
      await server.call("bdev_malloc_delete", { name: "again" })
    }
  })
})

describe("FreeBSD", () => {
  it("CVE-2024-42416: REPORT SUPPORTED OPERATION CODES of every opcode and service action", async () => {
    const host = await strange()
    const ask = Buffer.from("a30c00000000000000400000", "hex")
    for (const options of [0, 1, 2, 3, 7]) {
      for (let opcode = 0; opcode <= 255; opcode++) {
        for (const serviceAction of [0, 0x1f, 0xffff]) {
          ask[2] = options
          ask[3] = opcode
          ask.writeUInt16BE(serviceAction, 4)
          const { data, status } = await host.session.command({ lun: 0, cdb: ask, readBytes: 64 })
          assert.isTrue(status === 0 || (status === 2 && data.length === 0))
        }
        if (options === 0) break
      }
    }
    await host.close()
  })

  it("CVE-2024-8178, CVE-2024-43110: no command shows memory that others have used", async () => {
    const owned = await HostSession.open(server, closed, owner, 1, [0])
    for (let round = 0; round < 32; round++) {
      await owned.write(0, 0, secretBlocks)
      await owned.read(0, 0, 64)
    }
    const host = await strange()
    await host.write(0, 0, Buffer.alloc(64 * 512))
    const erases = new Set([0x48, 0x1b])
    for (const fill of [0x00, 0x01, 0xff]) {
      for (let opcode = 0; opcode <= 255; opcode++) {
        if (erases.has(opcode)) continue
        const request = Buffer.alloc(16, fill)
        request[0] = opcode
        request[15] = 0
        const { data } = await host.session.command({ lun: 0, cdb: request, readBytes: 4096 })
        assert.strictEqual(data.indexOf(canary), -1, `opcode ${opcode.toString(16)}h`)
      }
    }
    for (let length = 0; length <= 255; length++) {
      const { data } = await host.session.command({ lun: 0, cdb: cdb.requestSense(length), readBytes: 255 })
      assert.isAtMost(data.length, length)
      assert.isTrue(data.subarray(18).every((byte) => byte === 0))
    }
    // It has asked for data in of commands that have data out: not `close`, which would object to that.
    await host.session.logout()
    await owned.close()
  })
})

describe("Windows", () => {
  it("MS14-028: a hundred thousand PDUs that lead nowhere leave no memory used", async () => {
    const nowhere = makeHeader({ opcode: Opcode.snack, flags: 0x80, initiatorTaskTag: 5, word20: reservedTag })
    const round = Buffer.concat(Array.from({ length: 1000 }, () => nowhere))
    const send = async (rounds: number): Promise<void> => {
      for (let done = 0; done < rounds; done++) {
        const session = await raw()
        session.wire.sendBytes(round)
        await session.answers()
        session.wire.destroy()
      }
    }
    await send(20)
    const before = holdingsOf(server.process).residentBytes
    await send(100)
    assert.isBelow(holdingsOf(server.process).residentBytes - before, 64 * 2 ** 20)
  })
})
