/**
 * "On the medium before anyone is told", seen from outside: strace shows what the kernel was asked to do with a disk's
 * file, and when the answers left. One command at a time, so that everything before an answer is that command's.
 */
import { readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, expect, it } from "vitest"
import { diskTargetName, setUpDisks } from "../support/disk-target.ts"
import { cdb, clearUnitAttentions } from "../support/initiator/commands.ts"
import { copyList, extendedCopyCdb } from "../support/initiator/copy-list.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { Session } from "../support/initiator/Session.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { parseCalls } from "../support/strace-log.ts"
import { freePort, makeDirectory, removeDirectory, startTarget } from "../support/target-process.ts"

const traced = "pwrite64,pwritev,fallocate,fdatasync,fsync,write,writev,sendto,sendmsg"

let directory: string
beforeEach(() => {
  directory = makeDirectory("io-order")
})
afterEach(() => removeDirectory(directory))

/** A command, and what its disk's file has to go through before the answer. */
type Step = readonly [name: string, command: Buffer, data: Buffer | undefined, expected: RegExp]

const withFlags = (command: Buffer, flags: number): Buffer => {
  command[1] = flags
  return command
}
const command16 = (opcode: number, flags: number, lba: number, blocks: number): Buffer => {
  const command = withFlags(cdb.write16(lba, blocks), flags)
  command[0] = opcode
  return command
}
const block = Buffer.alloc(512, 7)
const compareAndWrite = (flags: number, data: number, next: number) => {
  const command = command16(0x89, flags, 0, 0)
  command[13] = 1
  return [command, Buffer.concat([Buffer.alloc(512, data), Buffer.alloc(512, next)])] as const
}
const cachingPage = (writeCache: boolean): readonly [Buffer, Buffer] => {
  const list = Buffer.alloc(24)
  list.set([0x08, 0x12, writeCache ? 0x04 : 0], 4)
  return [Buffer.from("151000001800", "hex"), list]
}

const changed = /^(change )+$/
const synced = /^(change )+sync $/
const flushed = /^sync $/
const untouched = /^$/

const stepsWithCache: ReadonlyArray<Step> = [
  ["WRITE(16)", command16(0x8a, 0, 0, 1), block, changed],
  ["SYNCHRONIZE CACHE(10)", Buffer.from("35000000000000000000", "hex"), undefined, flushed],
  ["WRITE(16) with FUA", command16(0x8a, 8, 0, 1), block, synced],
  ["WRITE(16)", command16(0x8a, 0, 9, 1), block, changed],
  ["SYNCHRONIZE CACHE(16) of a range, with IMMED", command16(0x91, 2, 9, 1), undefined, flushed],
  ["COMPARE AND WRITE with FUA", ...compareAndWrite(8, 7, 8), synced],
  ["ORWRITE(16) with FUA", command16(0x8b, 8, 0, 1), block, synced],
  ["WRITE AND VERIFY(16)", command16(0x8e, 2, 4, 1), block, synced],
  ["WRITE SAME(16)", command16(0x93, 0, 16, 64), block, changed],
  ["WRITE SAME(16) of zeros", command16(0x93, 1, 16, 64), undefined, changed],
  ["START STOP UNIT, stop", Buffer.from("1b0000000000", "hex"), undefined, flushed],
  ["UNMAP", Buffer.from("42000000000000001800", "hex"), unmapList(), changed],
  ["SYNCHRONIZE CACHE(10)", Buffer.from("35000000000000000000", "hex"), undefined, flushed],
  ["READ(16) with FUA", withFlags(cdb.read16(0, 1), 8), undefined, flushed],
  ["TEST UNIT READY", cdb.testUnitReady(), undefined, untouched],
  ["MODE SELECT, WCE 0", ...cachingPage(false), flushed]
]

function unmapList(): Buffer {
  return Buffer.from("001600100000000000000000000000100000000800000000", "hex")
}

const stepsWithout = (naa: Buffer): ReadonlyArray<Step> => {
  const end = { designator: naa, blockLength: 512 }
  const list = copyList([end, end], [{ source: 0, destination: 1, blocks: 2, sourceLba: 0, destinationLba: 8 }])
  return [
    ["WRITE(10)", cdb.write10(0, 1), block, synced],
    ["COMPARE AND WRITE", ...compareAndWrite(0, 7, 8), synced],
    ["ORWRITE(16)", command16(0x8b, 0, 0, 1), block, synced],
    ["WRITE SAME(16)", command16(0x93, 0, 16, 64), block, synced],
    ["WRITE SAME(16) of zeros", command16(0x93, 1, 16, 64), undefined, synced],
    ["UNMAP", Buffer.from("42000000000000001800", "hex"), unmapList(), synced],
    ["EXTENDED COPY", extendedCopyCdb(list.length), list, synced],
    ["MODE SELECT, WCE 1", ...cachingPage(true), untouched],
    ["WRITE(16)", command16(0x8a, 0, 0, 1), block, changed]
  ]
}

/** What the kernel did for each of the last `count` answers of the portal. */
const workBeforeAnswers = (trace: string, file: string, port: number, count: number): ReadonlyArray<string> => {
  const calls = parseCalls(trace)
  const answers = calls.filter(
    ({ name, text }) => /^(write|writev|sendto|sendmsg)$/.test(name) && text.includes(`:${port}->`)
  )
  const work = calls.filter(({ text }) => text.includes(`<${file}>`))
  return answers.slice(-count).map(({ from }, index, all) => {
    const before = index === 0 ? (answers.at(-count - 1)?.from ?? 0) : (all[index - 1]?.from ?? 0)
    return work
      .filter((call) => call.from > before && call.from < from)
      .map((call) => {
        const word = /sync$/.test(call.name) ? "sync" : "change"
        return call.to < from && /= \d+$/.test(call.text) ? `${word} ` : `${word} that has not ended `
      })
      .join("")
  })
}

const sendAll = async (session: Session, steps: ReadonlyArray<Step>): Promise<void> => {
  for (const [name, command, writeData, _] of steps) {
    const reads = command[0] === 0x88 ? { readBytes: 512 } : {}
    const result = await session.command({
      lun: 0,
      cdb: command,
      ...(writeData === undefined ? {} : { writeData }),
      ...reads
    })
    assert.strictEqual(outcomeText(result), "GOOD", name)
  }
}

/** The NAA designator of VPD page 83h. */
const naaOf = async (session: Session): Promise<Buffer> => {
  const { data } = await session.command({ lun: 0, cdb: cdb.inquiryPage(0x83, 255), readBytes: 255 })
  return data.subarray(8, 8 + (data[7] ?? 0))
}

describeWithTools(["strace"], "a disk in a file, traced", () => {
  it("has on its medium what an answer says, before the answer leaves", { timeout: 120_000 }, async () => {
    const traceFile = join(directory, "trace")
    const file = join(directory, "disk.img")
    writeFileSync(file, "")
    truncateSync(file, 1024 * 1024)
    const port = await freePort()
    const wrapper = ["strace", "-f", "-yy", "-s", "16", "-e", `trace=${traced}`, "-o", traceFile]
    let steps = stepsWithCache
    {
      await using target = await startTarget({ directory, stateMode: "empty", wrapper, readyMillis: 60_000 })
      const disk = { name: "Disk", filename: file, block_size: 512, fallocate: true }
      await setUpDisks(target.rpc, port, [["bdev_aio_create", disk]])
      const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: diskTargetName })
      await clearUnitAttentions(session, 0)
      const naa = await naaOf(session)
      steps = [...stepsWithCache, ...stepsWithout(naa)]
      await sendAll(session, steps)
      session.drop()
    }
    const work = workBeforeAnswers(readFileSync(traceFile, "utf8"), file, port, steps.length)
    for (const [index, [name, , , expected]] of steps.entries()) expect(work[index], name).toMatch(expected)
  })

  it("answers no flush, FUA, or MODE SELECT of WCE 0 with GOOD when the kernel could not sync", {
    timeout: 120_000
  }, async () => {
    const file = join(directory, "disk.img")
    writeFileSync(file, "")
    truncateSync(file, 1024 * 1024)
    const port = await freePort()
    // Of this file only: the log's syncs succeed.
    const faults = ["-P", file, "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO"]
    const wrapper = ["strace", "-f", ...faults, "-o", join(directory, "trace")]
    await using target = await startTarget({ directory, stateMode: "empty", wrapper, readyMillis: 60_000 })
    await setUpDisks(target.rpc, port, [["bdev_aio_create", { name: "Disk", filename: file, block_size: 512 }]])
    const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: diskTargetName })
    await clearUnitAttentions(session, 0)
    const send = async (command: Buffer, writeData?: Buffer): Promise<string> =>
      outcomeText(await session.command({ lun: 0, cdb: command, ...(writeData === undefined ? {} : { writeData }) }))
    const synchronize = Buffer.from("35000000000000000000", "hex")
    assert.strictEqual(await send(command16(0x8a, 0, 0, 1), block), "GOOD")
    for (let round = 0; round < 5; round++) {
      assert.strictEqual(await send(command16(0x8a, 8, 0, 1), block), "3/0c/00")
      assert.strictEqual(await send(synchronize), "3/0c/00")
      assert.strictEqual(await send(...cachingPage(false)), "3/0c/00")
    }
    assert.strictEqual(await send(cdb.read16(0, 1)), "GOOD")
    session.drop()
  })
})
