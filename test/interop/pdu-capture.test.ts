/**
 * `lunlog incident capture` of real traffic, as tshark dissects it: every PDU that went over the wire and none beside,
 * commands, sense data and records as they were, and nothing of a secret.
 */
import { readFileSync, statSync } from "node:fs"
import { networkInterfaces } from "node:os"
import { join } from "node:path"
import { afterEach, assert, it } from "vitest"
import { Tap, type WirePdu } from "../support/capture/Tap.ts"
import { complaints, type DissectedPdu, dissect } from "../support/capture/tshark.ts"
import { runCommand } from "../support/child-process.ts"
import { cdb, clearUnitAttentions, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { defaultKeys } from "../support/initiator/login.ts"
import { asLunlog, createGroups, type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { type Digests, makeHeader, Opcode, Pdu } from "../support/initiator/pdu.ts"
import { OutAction, reserveOut } from "../support/initiator/reservations.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { type Session, TaskFunction } from "../support/initiator/Session.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { freePort, projectDirectory, startTarget } from "../support/target-process.ts"
import { until } from "../support/until.ts"

const targetName = `${nodeBase}:captured`
const user = "captured-user"
const secret = "captured-secret-of-anna"
const commandMillis = 60_000
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"))

const open: Array<AsyncDisposable> = []
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]()
})

const started = async (args: ReadonlyArray<string> = []): Promise<Lunlog> => {
  const lunlog = await startLunlog({ args })
  open.push(lunlog)
  await lunlog.createMalloc("Base", 8)
  await lunlog.call("bdev_error_create", { base_name: "Base" })
  await lunlog.createTarget({ name: targetName, luns: { 0: "EE_Base" } })
  return lunlog
}

/** Runs the command; what it has written, and what it says. */
const captured = async (
  { process: target }: Lunlog,
  ...args: ReadonlyArray<string>
): Promise<{ readonly file: string; readonly said: string }> => {
  const file = join(target.directory, "now.pcapng")
  const line = ["bin/lunlog.js", "incident", "capture", "-r", target.socketPath, "-o", file, ...args]
  const run = { command: process.execPath, args: line, directory: projectDirectory }
  const { code, stderr } = await runCommand(run, commandMillis)
  assert.strictEqual(code, 0, stderr)
  assert.strictEqual(statSync(file).mode & 0o777, 0o600)
  return { file, said: stderr }
}

const wireOf = (port: number, { dataBytes, fromPort, initiatorTaskTag, opcode }: DissectedPdu): WirePdu => ({
  fromTarget: fromPort === port,
  opcode,
  initiatorTaskTag,
  dataBytes
})

/** A capture has exactly what the taps have heard, connection by connection. */
const assertSame = async (
  { endpoint: { port } }: Lunlog,
  file: string,
  taps: ReadonlyArray<readonly [Tap, Digests?]>
): Promise<ReadonlyArray<DissectedPdu>> => {
  assert.strictEqual(await complaints(file, port), "")
  const pdus = await dissect(file, port)
  for (const [stream, [tap, digests]] of taps.entries()) {
    const own = pdus.filter((pdu) => pdu.stream === stream).map((pdu) => wireOf(port, pdu))
    const byEnd = [...own.filter(({ fromTarget }) => !fromTarget), ...own.filter(({ fromTarget }) => fromTarget)]
    assert.deepStrictEqual(byEnd, tap.pdus(digests))
  }
  assert.isEmpty(pdus.filter(({ stream }) => stream >= taps.length))
  return pdus
}

const inOneSegment = { ...defaultKeys, InitialR2T: "Yes", ImmediateData: "No" }

const story = async (session: Session, lunlog: Lunlog): Promise<void> => {
  await clearUnitAttentions(session, 0)
  await writeBlocks(session, 0, 8, Buffer.alloc(300 * 1024, "w"))
  await readBlocks(session, 0, 8, 600)
  assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: cdb.read10(0xffffff, 1) })), "5/21/00")
  const failure = { name: "EE_Base", io_type: "read", error_type: "failure", num: 1 }
  await lunlog.call("bdev_error_inject_error", failure)
  assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: cdb.read10(0, 1), readBytes: 512 })), "3/11/00")
  assert.strictEqual(await session.manageTask(TaskFunction.logicalUnitReset, 0), 0)
  const numbers = { initiatorTaskTag: session.nextTag(), cmdSn: session.cmdSn, expStatSn: session.expStatSn }
  session.wire.send(new Pdu(makeHeader({ opcode: Opcode.nopOut, immediate: true, word20: 1, ...numbers })))
  await until("a NOP-Out that answers no ping is rejected", () => session.rejects.length === 1)
  await clearUnitAttentions(session, 0)
  const register = { lun: 0, action: OutAction.register, serviceKey: 7n }
  assert.strictEqual(await reserveOut(session, register), "GOOD")
  await session.nop(Buffer.from("a ping that says what disks hold"))
}

const found = (pdus: ReadonlyArray<DissectedPdu>, comment: RegExp): DissectedPdu => {
  const [pdu, ...more] = pdus.filter(({ comments }) => comment.test(comments))
  assert.isDefined(pdu, `${comment} in ${pdus.map(({ comments }) => comments).join("\n")}`)
  assert.isEmpty(more)
  return pdu
}

describeWithTools(["tshark"], "a capture", () => {
  it("has the PDUs of logins with CHAP, IO, task management, and what the log says of them", async () => {
    const lunlog = await started()
    const { port } = lunlog.endpoint
    await lunlog.call("iscsi_create_auth_group", { tag: 1, secrets: [{ user, secret }] })
    const auth = { name: targetName, require_chap: true, chap_group: 1 }
    await lunlog.call("iscsi_target_node_set_auth", auth)
    const [stranger, guest] = [new Tap(), new Tap()]
    const chap = { user, secret }
    const login = { authMethod: "CHAP,None", keys: inOneSegment }
    const wrong = { ...chap, secret: "not-the-secret-of-anna" }
    const refused = lunlog.open(targetName, { ...login, chap: wrong, onConnect: stranger.listen })
    await refused.then(
      () => assert.fail("it was let in"),
      (error) => assert.strictEqual(error.name, "LoginRefused")
    )
    const session = await lunlog.open(targetName, { ...login, chap, onConnect: guest.listen })
    await story(session, lunlog)
    const { file, said } = await captured(lunlog)
    assert.match(said, /2 connections, \d+ PDUs, \d+ records of the log, from 20/)
    const pdus = await assertSame(lunlog, file, [[stranger], [guest]])

    const commands = pdus.filter(({ opcode }) => opcode === Opcode.scsiCommand)
    assert.includeMembers(
      commands.map(({ operation }) => operation),
      ["0x00", "0x8a", "0x88", "0x28"]
    )
    assert.isTrue(commands.every(({ lun }) => lun === "0x0000" || lun === "0x00" || lun === "0"))
    assert.isAbove(pdus.filter(({ opcode }) => opcode === Opcode.readyToTransfer).length, 0)
    const senses = pdus.filter(({ sense }) => sense !== "").map(({ sense }) => sense)
    assert.includeMembers(senses, ["0x05 0x2100", "0x03 0x1100"])

    assert.strictEqual(found(pdus, /seq \d+ LoginRefused: /).fromPort === port, false)
    assert.strictEqual(found(pdus, /seq \d+ SessionOpened: /).opcode, Opcode.login)
    assert.strictEqual(found(pdus, /seq \d+ IoFailed: .*EE_Base/).operation, "0x28")
    assert.strictEqual(found(pdus, /seq \d+ TaskManagement: .*LogicalUnitReset/i).opcode, Opcode.taskManagement)
    assert.strictEqual(found(pdus, /seq \d+ PduRejected: /).opcode, Opcode.nopOut)

    assert.strictEqual(found(pdus, /seq \d+ ReservationsChanged: /).operation, "0x5f")

    const bytes = readFileSync(file).toString("latin1")
    for (const word of [secret, wrong.secret, "wwww", "a ping that"]) assert.notInclude(bytes, word)
    const text = [...bytes.matchAll(/CHAP_[A-Z]=([^\0]*)/g)].map(([, value]) => value)
    assert.isAbove(text.length, 8)
    assert.isTrue(
      text.every((value) => /^X+$/.test(value ?? "")),
      text.join(" ")
    )
    assert.include(bytes, `TargetName=${targetName}\0`)
    await session.logout()
  })

  it("dissects with digests, and over IPv6", async () => {
    const port = await freePort(hasIpv6 ? "::1" : "127.0.0.1")
    const target = await startTarget()
    open.push(target)
    const endpoint = { host: hasIpv6 ? "::1" : "127.0.0.1", port }
    await createGroups(target, { ...endpoint, host: hasIpv6 ? "[::1]" : endpoint.host })
    const lunlog = asLunlog(target, endpoint)
    await lunlog.createMalloc("Base", 8)
    await lunlog.createTarget({ name: targetName, luns: { 0: "Base" } })
    const tap = new Tap()
    const keys = { ...defaultKeys, HeaderDigest: "CRC32C", DataDigest: "CRC32C" }
    const session = await lunlog.open(targetName, { keys, onConnect: tap.listen })
    await clearUnitAttentions(session, 0)
    await writeBlocks(session, 0, 0, Buffer.alloc(64 * 1024, 1))
    await readBlocks(session, 0, 0, 128)
    assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: cdb.read10(0xffffff, 1) })), "5/21/00")
    const { file } = await captured(lunlog, "--target", "captured")
    const pdus = await assertSame(lunlog, file, [[tap, { header: true, data: true }]])
    assert.include(
      pdus.map(({ sense }) => sense),
      "0x05 0x2100"
    )
    await session.logout()
  })

  it("of a connection that was handed to a thread has its login, too, and stays when it has ended", async () => {
    const lunlog = await started(["--workers", "2", "--record-data", "64"])
    const tap = new Tap()
    const session = await lunlog.open(targetName, { keys: inOneSegment, onConnect: tap.listen })
    await clearUnitAttentions(session, 0)
    await writeBlocks(session, 0, 0, Buffer.from("lunlog ".repeat(10_000).slice(0, 64 * 1024)))
    await session.logout()
    const { file } = await captured(lunlog, "--session", String(session.login.tsih))
    const pdus = await assertSame(lunlog, file, [[tap]])
    assert.match(pdus.map(({ comments }) => comments).join("\n"), /seq \d+ SessionClosed: /)
    const bytes = readFileSync(file)
    assert.include(bytes.toString("latin1"), "lunlog lunlog lunlog")
    assert.isBelow(bytes.length, 16 * 1024)
  })
})
