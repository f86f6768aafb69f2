/** SANITIZE: erasing, what is refused meanwhile, and failures (SBC-4 4.11, 5.30). */
import { assert, describe, it } from "vitest"
import type { Bdev } from "../../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { DelayBdev } from "../../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { ErrorBdev } from "../../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { Disks } from "../scsi-disks.ts"
import { fieldPointer, nullDisk } from "../scsi-fixture.ts"

const blockErase = "48 02 0000000000 0000 00"
const immediateErase = "48 82 0000000000 0000 00"
const exitFailureMode = "48 1f 0000000000 0000 00"
const testUnitReady = "00 00 00 00 00 00"
const requestSense = "03 00 00 00 fc 00"
const readBlock = "28 00 00000000 00 0001 00"
const writeBlock = "2a 00 00000000 00 0001 00"

const written = (blockCount = 16_384, blockSize = 512): MallocBdev => {
  const disk = new MallocBdev({ _tag: "Malloc", blockCount, blockSize, physicalBlockSize: 0, optimalIoBoundary: 0 })
  disk.provisioning.note(0, blockCount * blockSize)
  disk.memory?.fill(0xaa)
  return disk
}

const slow = (base: Bdev): DelayBdev =>
  new DelayBdev(
    { averageReadMicros: 500, p99ReadMicros: 500, averageWriteMicros: 500, p99WriteMicros: 500 },
    base,
    () => 1
  )

const isErased = (disk: MallocBdev): boolean => disk.memory?.every((byte) => byte === 0) ?? false

const untilReady = async (disks: Disks): Promise<void> => {
  while ((await disks.send(0, testUnitReady)).result === "2/04/1b")
    await new Promise((resolve) => setImmediate(resolve))
}

describe("SANITIZE BLOCK ERASE", () => {
  it("has erased every block when it ends", async () => {
    const disk = written(5000)
    const disks = new Disks(disk)
    assert.strictEqual((await disks.send(0, blockErase)).result, "good")
    assert.isTrue(isErased(disk))
    assert.strictEqual((await disks.send(0, readBlock)).result, "good")
  })

  it("erases no medium that is out", async () => {
    const disk = written(5000)
    const disks = new Disks(disk)
    disks.unit(0).eject()
    assert.strictEqual((await disks.send(0, blockErase)).result, "2/3a/00")
    assert.isFalse(isErased(disk))
  })

  it("erases whole blocks of any size", async () => {
    for (const blockSize of [1536, 4096, 16_384]) {
      const disk = written(1000, blockSize)
      assert.strictEqual((await new Disks(disk).send(0, blockErase)).result, "good")
      assert.isTrue(isErased(disk), `blocks of ${blockSize} bytes`)
    }
  })

  it("with IMMED ends at once and goes on, also when another asks", async () => {
    const disk = written()
    const disks = new Disks(slow(disk))
    assert.strictEqual((await disks.send(0, immediateErase)).result, "good")
    assert.isFalse(isErased(disk))
    assert.strictEqual((await disks.send(0, immediateErase)).result, "2/04/1b")
    await untilReady(disks)
    assert.isTrue(isErased(disk))
  })

  it("refuses reserved bits and parameter data", async () => {
    const disks = new Disks(written(64))
    const outcome = async (cdb: string): Promise<string> => {
      const { result, sense } = await disks.send(0, cdb)
      return `${result} ${fieldPointer(sense)}`
    }
    assert.strictEqual(await outcome("48 42 0000000000 0000 00"), "5/24/00 field 1.6")
    for (let byte = 2; byte < 7; byte++) {
      const cdb = Buffer.from(blockErase.replaceAll(" ", ""), "hex")
      cdb[byte] = byte
      assert.strictEqual(await outcome(cdb.toString("hex")), `5/24/00 field ${byte}.7`)
    }
    assert.strictEqual(await outcome("48 02 0000000000 0008 00"), "5/24/00 field 7.7")
    assert.strictEqual(await outcome("48 1f 0000000000 0008 00"), "5/24/00 field 7.7")
  })

  it("has no other service actions: overwriting and cryptographic erasure are not there", async () => {
    const disks = new Disks(written(64))
    for (let action = 0; action < 32; action++) {
      if (action === 0x02 || action === 0x1f) continue
      const { result, sense } = await disks.send(0, Buffer.from([0x48, action]))
      assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", "field 1.4"], `action ${action}`)
    }
  })

  it("is refused where the initiator may not write", async () => {
    const disk = written(64)
    const disks = new Disks(disk)
    disks.nexus(0).readOnly = true
    assert.strictEqual((await disks.send(0, blockErase)).result, "7/27/00")
    assert.isTrue(disk.memory?.every((byte) => byte === 0xaa))
  })
})

describe("a unit that is being sanitized", () => {
  it("refuses all but what only looks at it, for every initiator, and tells how far it is", async () => {
    const disks = new Disks(slow(written()))
    const other = disks.attach(disks.unit(0))
    await disks.send(0, immediateErase)
    for (const cdb of [
      testUnitReady,
      readBlock,
      writeBlock,
      "1b 00 00 00 03 00",
      "35",
      blockErase,
      "83 00",
      exitFailureMode
    ]) {
      const { result, sense } = await disks.send(0, cdb, Buffer.alloc(512), other)
      assert.strictEqual(result, "2/04/1b", cdb)
      assert.strictEqual(sense[15], 0x80, "a progress indication")
    }
    for (const cdb of [
      "12 00 00 00 60 00",
      "a0 00 00 000000 00001000 00 00",
      "a3 0c 00 00 0000 00001000 00 00",
      "25",
      "1a 00 08 00 ff 00"
    ]) {
      assert.strictEqual((await disks.send(0, cdb, undefined, other)).result, "good", cdb)
    }
    const { data } = await disks.send(0, requestSense, undefined, other)
    assert.deepStrictEqual([data[2], data[12], data[13], data[15]], [0x02, 0x04, 0x1b, 0x80])
    const descriptors = await disks.send(0, "03 01 00 00 fc 00", undefined, other)
    assert.strictEqual(descriptors.data.subarray(0, 13).toString("hex"), "72020" + "41b000000080206000080")
    await untilReady(disks)
    assert.strictEqual((await disks.send(0, requestSense)).data[2], 0)
  })

  it("progresses", async () => {
    const disks = new Disks(slow(written(65_536)))
    await disks.send(0, immediateErase)
    const seen: Array<number> = []
    for (let ended = false; !ended; ) {
      await new Promise((resolve) => setImmediate(resolve))
      const { result, sense } = await disks.send(0, testUnitReady)
      ended = result === "good"
      if (!ended) seen.push(sense.readUInt16BE(16))
    }
    assert.deepStrictEqual(
      seen,
      seen.toSorted((a, b) => a - b)
    )
    assert.isAbove(new Set(seen).size, 4)
  })

  it("goes on when its command is aborted", async () => {
    const disk = written()
    const disks = new Disks(slow(disk))
    const command = disks.start(0, blockErase)
    await disks.send(0, requestSense)
    command.abort()
    await command.ended
    assert.strictEqual((await disks.send(0, testUnitReady)).result, "2/04/1b")
    await untilReady(disks)
    assert.isTrue(isErased(disk))
  })

  it("is erased after what was under way, which ends first", async () => {
    const disk = written()
    const disks = new Disks(slow(disk))
    const write = disks.start(0, "2a 00 00000007 00 0001 00", Buffer.alloc(512, 0x55))
    const erase = disks.start(0, blockErase)
    assert.strictEqual((await write.ended).result, "good")
    assert.strictEqual((await erase.ended).result, "good")
    assert.isTrue(isErased(disk))
  })

  it("is left alone when it goes", async () => {
    const disk = written()
    const disks = new Disks(disk)
    await disks.send(0, immediateErase)
    disks.unit(0).close()
    disk.close()
    await new Promise((resolve) => setImmediate(resolve))
    assert.strictEqual((await disks.send(0, testUnitReady)).result, "2/04/1b")
  })
})

describe("a sanitization that fails", () => {
  const failing = () => {
    const disk = new ErrorBdev(nullDisk(16_384))
    disk.inject({ ioType: "unmap", errorType: "failure", count: 1, queueDepth: 0, corruptOffset: 0, corruptValue: 0 })
    return new Disks(disk)
  }

  it("says so, and keeps the medium away until one succeeds", async () => {
    const disks = failing()
    assert.strictEqual((await disks.send(0, blockErase)).result, "3/31/03")
    for (const cdb of [testUnitReady, readBlock]) assert.strictEqual((await disks.send(0, cdb)).result, "3/31/03")
    assert.strictEqual((await disks.send(0, requestSense)).data[2], 0x03)
    assert.strictEqual((await disks.send(0, exitFailureMode)).result, "5/24/00")
    assert.strictEqual((await disks.send(0, "48 22 0000000000 0000 00")).result, "5/24/00")
    assert.strictEqual((await disks.send(0, blockErase)).result, "good")
    assert.strictEqual((await disks.send(0, testUnitReady)).result, "good")
  })

  it("can be left with EXIT FAILURE MODE where it allowed that (AUSE)", async () => {
    const disks = failing()
    assert.strictEqual((await disks.send(0, "48 22 0000000000 0000 00")).result, "3/31/03")
    assert.strictEqual((await disks.send(0, exitFailureMode)).result, "good")
    assert.strictEqual((await disks.send(0, readBlock)).result, "good")
    assert.strictEqual((await disks.send(0, exitFailureMode)).result, "good")
  })
})
