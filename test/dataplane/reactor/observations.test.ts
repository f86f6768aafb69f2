/** What a reactor tells of sessions and IO, found out by a real initiator at real sockets. */
import { Schema } from "effect"
import { assert, describe, it } from "vitest"
import type { ReactorFact } from "../../../src/dataplane/reactor/protocol.ts"
import { Observation } from "../../../src/domain/observation/Observation.ts"
import { cdb, readBlocks } from "../../support/initiator/commands.ts"
import { LoginStatus, randomIsid } from "../../support/initiator/login.ts"
import { makeHeader, Opcode, Pdu } from "../../support/initiator/pdu.ts"
import { outcomeText } from "../../support/initiator/ScsiTask.ts"
import { LoginRefused, Session, TaskFunction } from "../../support/initiator/Session.ts"
import { targetName } from "../iscsi/fixture.ts"
import { anyBase, delayed, Harness, pendingFault } from "./harness.ts"

type FactOf<Tag extends ReactorFact["_tag"]> = Extract<ReactorFact, { readonly _tag: Tag }>

const isOf =
  <Tag extends ReactorFact["_tag"]>(tag: Tag) =>
  (fact: ReactorFact): fact is FactOf<Tag> =>
    fact._tag === tag

const factsOf = <Tag extends ReactorFact["_tag"]>(harness: Harness, tag: Tag): ReadonlyArray<FactOf<Tag>> =>
  harness.facts.filter(isOf(tag))

/** The first fact of a type, from now or before. */
const firstOf = async <Tag extends ReactorFact["_tag"]>(harness: Harness, tag: Tag): Promise<FactOf<Tag>> => {
  await harness.fact(isOf(tag))
  const [first] = factsOf(harness, tag)
  if (first === undefined) throw new Error(`no ${tag}`)
  return first
}

const decode = Schema.decodeUnknownSync(Observation, { onExcessProperty: "error" })

const notObserved: ReadonlySet<string> = new Set(["Answer", "Crashed", "ReservationsAsked", "BdevTold"])

/** Ends the reactor, which tells what it holds back; everything that was told must be what the log knows. */
const end = async (harness: Harness): Promise<void> => {
  await harness.shutdown()
  for (const fact of harness.facts) {
    if (notObserved.has(fact._tag)) continue
    const { correlationId: _, firstMillisAgo: __, pdu: ___, ...observation }: Record<string, unknown> = { ...fact }
    decode(observation)
  }
}

const initiatorName = "iqn.2024-01.test.lunlog:observed"
const read = (session: Session, lun: number, at = 0) =>
  session.command({ lun, cdb: cdb.read10(at, 8), readBytes: 4096 })

const withDisk = async (): Promise<Harness> => {
  const harness = await Harness.start()
  harness.putTarget()
  harness.mapLun(0, await harness.openBdev())
  return harness
}

describe("a session", () => {
  it("is told with what was negotiated, and with what it has done when it logs out", async () => {
    const harness = await withDisk()
    const session = await harness.open({ initiatorName, keys: [["InitiatorAlias", "host-a"]] })
    await readBlocks(session, 0, 0, 8)
    await session.logout()
    const opened = await firstOf(harness, "SessionOpened")
    assert.deepInclude(opened, { initiatorName, initiatorAddress: "127.0.0.1", targetName, initiatorAlias: "host-a" })
    assert.strictEqual(opened.parameters["errorRecoveryLevel"], 0)
    const closed = await firstOf(harness, "SessionClosed")
    const counted = { ending: "logout", inFlight: 0, readBytes: 4096, writtenBytes: 0, failedIos: 0 } as const
    assert.deepInclude(closed, { initiatorName, tsih: opened.tsih, portalGroupTag: 1, ...counted })
    assert.isAbove(closed.commands ?? 0, 1)
    await end(harness)
  })

  it("that takes the place of another says so, and the other that it lost its place", async () => {
    const harness = await withDisk()
    const isid = randomIsid()
    const first = await harness.open({ initiatorName, isid })
    const second = await harness.open({ initiatorName, isid })
    const [before, after] = factsOf(harness, "SessionOpened")
    const { tsih = 0 } = before ?? {}
    assert.deepInclude(after, { reinstated: true, replacedTsih: tsih })
    assert.notProperty(before, "reinstated")
    assert.deepInclude(factsOf(harness, "SessionClosed")[0], { tsih, ending: "reinstated" })
    first.drop()
    second.drop()
    await end(harness)
  })

  it("that is cut tells how many commands had no answer", async () => {
    const harness = await Harness.start()
    harness.putTarget()
    harness.mapLun(1, await harness.openHanging())
    const session = await harness.open({}, [1])
    const lost = [read(session, 1), read(session, 1)].map((result) => result.catch(() => undefined))
    await session.nop()
    session.drop()
    await Promise.all(lost)
    const closed = await firstOf(harness, "SessionClosed")
    assert.deepInclude(closed, { ending: "connectionLost", inFlight: 2 })
    await end(harness)
  })

  it("of a target that is deleted ends for that, and by the record that says so", async () => {
    const harness = await withDisk()
    await harness.open()
    const closing = harness.done({ _tag: "CloseSessions", name: targetName, incarnation: 1, correlationId: 77 })
    const { connections } = await harness.report()
    for (const { id } of connections) harness.send({ _tag: "KickConnections", connections: [id], limitMillis: 0 })
    await closing
    const closed = await firstOf(harness, "SessionClosed")
    assert.deepInclude(closed, { ending: "targetDeleted", asked: "targetDeleted", correlationId: 77 })
    await end(harness)
  })
})

describe("what initiators do wrong", () => {
  it("is told with its reason, however long the text that they send", async () => {
    const harness = await withDisk()
    const unknown = `iqn.${"x".repeat(4000)}`
    const refused = await harness.open({ initiatorName, targetName: unknown }).catch((error: unknown) => error)
    assert.instanceOf(refused, LoginRefused)
    const fact = await firstOf(harness, "LoginRefused")
    assert.strictEqual(fact.status, LoginStatus.initiatorError)
    assert.isBelow(fact.reason.length, 600)
    const discovery = await Session.open({ endpoint: harness.portal, initiatorName })
    await discovery.text([["SendTargets", "All"]])
    await discovery.logout()
    assert.deepInclude(await firstOf(harness, "DiscoverySession"), { initiatorName, ending: "logout" })
    const session = await harness.open({ initiatorName })
    const snack = makeHeader({ opcode: Opcode.snack, flags: 0x80, initiatorTaskTag: session.nextTag() })
    await session.request(new Pdu(snack)).catch(() => undefined)
    const rejected = { opcode: "SnackRequest", rejectReason: "SnackReject", rejectCode: 3 }
    assert.deepInclude(await firstOf(harness, "PduRejected"), rejected)
    session.wire.send(new Pdu(makeHeader({ opcode: Opcode.login, immediate: true, initiatorTaskTag: 9 })))
    const broken = await firstOf(harness, "ProtocolError")
    assert.deepInclude(broken, { initiatorName, reason: "a login request in full feature phase" })
    assert.deepInclude(await firstOf(harness, "SessionClosed"), { ending: "protocolError" })
    await end(harness)
  })

  it("includes leaving in the middle of a login, but not mere connecting", async () => {
    const harness = await withDisk()
    const silent = await harness.plain()
    silent.destroy()
    const early = await harness.plain()
    early.write(Buffer.alloc(20, 0x43))
    early.end()
    const fact = await firstOf(harness, "LoginAbandoned")
    assert.deepInclude(fact, { initiatorAddress: "127.0.0.1", ending: "connectionLost" })
    await end(harness)
    assert.lengthOf(factsOf(harness, "LoginAbandoned"), 1)
  })
})

describe("IO that fails", () => {
  it("is told with its blocks and what the initiator was told, the rest of it as one", async () => {
    const harness = await Harness.start()
    harness.putTarget()
    const bdev = await harness.openBdev({ _tag: "Error", base: anyBase }, await harness.openBdev())
    harness.mapLun(3, bdev)
    const session = await harness.open({ initiatorName }, [3])
    harness.send({ _tag: "InjectFault", bdev, fault: { ...pendingFault, errorType: "failure", count: 6 } })
    for (const at of [40, 48, 56, 64, 72]) assert.strictEqual(outcomeText(await read(session, 3, at)), "3/11/00")
    const write = await session.command({ lun: 3, cdb: cdb.write10(8, 1), writeData: Buffer.alloc(512) })
    assert.strictEqual(outcomeText(write), "3/0c/00")
    await end(harness)
    const [first, writing, others] = factsOf(harness, "IoFailed")
    const sense = { key: 3, keyName: "MEDIUM ERROR", asc: 0x11, ascq: 0, name: "UNRECOVERED READ ERROR" }
    const place = { bdev: `bdev${bdev}`, targetName, lun: 3, initiatorName, operation: "read", blocks: 8 } as const
    assert.deepInclude(first, { ...place, logicalBlockAddress: 40, status: "CHECK CONDITION", sense, repeated: 1 })
    assert.deepInclude(writing, { operation: "write", logicalBlockAddress: 8, blocks: 1 })
    assert.deepInclude(others, { ...place, logicalBlockAddress: 72, repeated: 4 })
    assert.isAbove(others?.firstMillisAgo ?? 0, 0)
    assert.lengthOf(factsOf(harness, "IoFailed"), 3)
  })

  it("because its initiator sends the wrong data is told with that sense", async () => {
    const harness = await withDisk()
    const session = await harness.open({ initiatorName, keys: [["InitialR2T", "Yes"]] })
    const onR2t = (r2t: Pdu): void => {
      const { initiatorTaskTag, targetTransferTag: word20 } = r2t
      const header = makeHeader({ opcode: Opcode.dataOut, flags: 0x80, initiatorTaskTag, word20, word40: 1024 })
      session.wire.send(new Pdu(header, Buffer.alloc(512)))
    }
    const write = { lun: 0, cdb: cdb.write10(16, 8), writeData: Buffer.alloc(4096), immediateBytes: 0, onR2t }
    assert.strictEqual(outcomeText(await session.command({ ...write, unsolicited: false })), "b/47/05")
    const fact = await firstOf(harness, "IoFailed")
    assert.deepInclude(fact, { operation: "write", logicalBlockAddress: 16, blocks: 8 })
    assert.strictEqual(fact.sense?.name, "PROTOCOL SERVICE CRC ERROR")
    await end(harness)
  })

  it("for want of room is told as what the initiator sees", async () => {
    const harness = await Harness.start()
    harness.putTarget()
    const bdev = await harness.openBdev({ _tag: "Error", base: anyBase }, await harness.openBdev())
    harness.mapLun(0, bdev)
    const session = await harness.open({ initiatorName })
    harness.send({ _tag: "InjectFault", bdev, fault: { ...pendingFault, errorType: "nomem", count: 1 } })
    assert.strictEqual(outcomeText(await read(session, 0)), "status 08h")
    const fact = await firstOf(harness, "QueueFull")
    assert.deepInclude(fact, { targetName, lun: 0, initiatorName, status: "BUSY" })
    await end(harness)
  })
})

describe("IO that takes its time", () => {
  it("is told when it has ended, the slowest of many", async () => {
    const harness = await Harness.start()
    harness.send({ _tag: "WatchSlowIo", millis: 20 })
    harness.putTarget()
    harness.mapLun(0, await harness.openBdev(delayed(30_000), await harness.openBdev()))
    const session = await harness.open({ initiatorName })
    for (const at of [8, 16, 24]) await read(session, 0, at)
    harness.send({ _tag: "WatchSlowIo", millis: undefined })
    await read(session, 0, 32)
    await end(harness)
    const [first, others] = factsOf(harness, "SlowIo")
    assert.deepInclude(first, {
      targetName,
      lun: 0,
      initiatorName,
      operation: "read",
      logicalBlockAddress: 8,
      blocks: 8
    })
    assert.isAtLeast(first?.millis ?? 0, 29)
    assert.deepInclude(others, { repeated: 2 })
    assert.strictEqual(others?.slowestMillis, others?.millis)
    assert.lengthOf(factsOf(harness, "SlowIo"), 2)
  })

  it("is told before it has ended, if the disk hangs", async () => {
    const harness = await Harness.start()
    harness.send({ _tag: "WatchSlowIo", millis: 1 })
    harness.putTarget()
    const bdev = await harness.openHanging()
    harness.mapLun(0, bdev)
    const session = await harness.open({ initiatorName })
    const waiting = [read(session, 0, 16), read(session, 0, 24)]
    const stuck = await firstOf(harness, "IoStuck")
    assert.deepInclude(stuck, { bdev: `bdev${bdev}`, targetName, lun: 0, outstanding: 2, thresholdMillis: 5 })
    assert.deepInclude(stuck.oldest, { operation: "read", logicalBlockAddress: 16, blocks: 8, initiatorName })
    harness.send({ _tag: "ResumePending", bdev })
    await Promise.all(waiting)
    assert.isAtLeast((await firstOf(harness, "SlowIo")).millis, 5)
    await end(harness)
  })

  it("for its rate limit is told from its beginning to its end", async () => {
    const harness = await Harness.start()
    harness.putTarget()
    const bdev = await harness.openBdev()
    harness.mapLun(0, bdev)
    const session = await harness.open({ initiatorName })
    const limits = { readWriteIos: 100, readWriteBytes: 0, readBytes: 0, writeBytes: 0 }
    harness.send({ _tag: "SetRateLimits", bdev, limits })
    const reads = Array.from({ length: 130 }, () => read(session, 0))
    assert.deepInclude(await firstOf(harness, "QosThrottlingBegan"), { bdev: `bdev${bdev}` })
    await Promise.all(reads)
    harness.send({ _tag: "SetRateLimits", bdev, limits: undefined })
    const ended = await firstOf(harness, "QosThrottlingEnded")
    assert.isAbove(ended.delayed, 0)
    assert.isAbove(ended.longestWaitMillis, 0)
    await end(harness)
  })
})

describe("task management", () => {
  it("is told with what it has ended and how it was answered", async () => {
    const harness = await Harness.start()
    harness.putTarget()
    const bdev = await harness.openHanging()
    harness.mapLun(2, bdev)
    const session = await harness.open({ initiatorName }, [2])
    const { result, task } = session.submit({ lun: 2, cdb: cdb.read10(0, 8), readBytes: 4096 })
    result.catch(() => undefined)
    await session.nop()
    const aborting = session.manageTask(TaskFunction.abortTask, 2, { tag: task.initiatorTaskTag })
    await session.nop()
    harness.send({ _tag: "ResumePending", bdev })
    assert.strictEqual(await aborting, 0)
    assert.strictEqual(await session.manageTask(TaskFunction.clearAca, 2), 5)
    session.drop()
    const [abort, reset] = factsOf(harness, "TaskManagement")
    const place = { initiatorName, targetName, lun: 2, bdev: `bdev${bdev}` }
    const aborted = { function: "AbortTask", aborted: 1, response: "Complete" }
    assert.deepInclude(abort, { ...place, ...aborted, referencedTaskTag: task.initiatorTaskTag })
    assert.deepInclude(reset, { ...place, function: "ClearAca", aborted: 0, response: "NotSupported" })
    await end(harness)
  })
})

describe("a LUN that drains", () => {
  it("is told with what is in flight, and what hangs past the deadline", async () => {
    const harness = await Harness.start()
    harness.putTarget()
    const incarnation = harness.mapLun(1, await harness.openHanging())
    const session = await harness.open({ initiatorName }, [1])
    const hanging = [read(session, 1, 8), read(session, 1, 80)]
    await session.nop()
    await harness.drain(1, incarnation, 50)
    await Promise.all(hanging)
    const started = await firstOf(harness, "LunDrainStarted")
    assert.deepInclude(started, { targetName, lun: 1, inFlight: 2, deadlineMillis: 50 })
    const ended = await firstOf(harness, "LunDrainEnded")
    assert.deepInclude(ended, { drained: 0, aborted: 2, late: true })
    assert.deepInclude(ended.hanging?.[1], { operation: "read", logicalBlockAddress: 80, blocks: 8, initiatorName })
    await end(harness)
  })
})
