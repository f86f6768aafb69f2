/** EXTENDED COPY and RECEIVE COPY RESULTS against real disks (SPC-4 6.4, 6.23). */
import { assert, describe, it } from "vitest"
import type { Bdev } from "../../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { DelayBdev } from "../../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { ErrorBdev } from "../../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { Restriction } from "../../../../src/dataplane/scsi/reservations/UnitReservations.ts"
import { SenseCode } from "../../../../src/dataplane/scsi/sense-codes.ts"
import {
  CopyResults,
  copyList,
  extendedCopyCdb,
  receiveCopyResultsCdb,
  type SegmentFields
} from "../../../support/initiator/copy-list.ts"
import { makeRandom, runSeed } from "../../../support/initiator/random.ts"
import { runAt } from "../../bdev/recorded-io.ts"
import { Disks, type Ended } from "../scsi-disks.ts"
import { fieldPointer } from "../scsi-fixture.ts"

const ramDisk = (blockCount: number, blockSize = 512): MallocBdev =>
  new MallocBdev({ _tag: "Malloc", blockCount, blockSize, physicalBlockSize: 0, optimalIoBoundary: 0 })

const patterned = (blockCount: number, seed = 1): MallocBdev => {
  const disk = ramDisk(blockCount)
  const random = makeRandom(seed)
  disk.provisioning.note(0, blockCount * 512)
  for (let at = 0; at < blockCount; at++) disk.memory?.writeUInt32BE(random.below(2 ** 32), at * 512)
  return disk
}

const slow = (base: Bdev): DelayBdev =>
  new DelayBdev(
    { averageReadMicros: 500, p99ReadMicros: 500, averageWriteMicros: 500, p99WriteMicros: 500 },
    base,
    () => 1
  )

const from = (disks: Disks, lun: number) => ({
  designator: disks.unit(lun).identity.naa,
  blockLength: disks.unit(lun).bdev.blockSize
})

const listOf = (disks: Disks, segments: ReadonlyArray<SegmentFields>, header = {}): Buffer =>
  copyList(
    disks.units.map((_, lun) => from(disks, lun)),
    segments,
    header
  )

const copy = (disks: Disks, segments: ReadonlyArray<SegmentFields>, header = {}): Promise<Ended> => {
  const list = listOf(disks, segments, header)
  return disks.send(0, extendedCopyCdb(list.length), list)
}

const results = (disks: Disks, action: number, listIdentifier = 1): Promise<Ended> =>
  disks.send(0, receiveCopyResultsCdb(action, listIdentifier))

const blocksOf = (disk: Bdev, lba: number, blocks: number): Buffer =>
  Buffer.from(disk.memory?.subarray(lba * disk.blockSize, (lba + blocks) * disk.blockSize) ?? [])

const whole = { source: 0, destination: 1, blocks: 8192, sourceLba: 0, destinationLba: 0 }

describe("EXTENDED COPY", () => {
  it("copies the blocks of its segments, and no others", async () => {
    const [source, destination] = [patterned(8192, 1), patterned(8192, 2)]
    const before = blocksOf(destination, 0, 8192)
    const disks = new Disks(source, destination)
    const segments = [
      { source: 0, destination: 1, blocks: 5000, sourceLba: 17, destinationLba: 100 },
      { source: 1, destination: 0, blocks: 1, sourceLba: 0, destinationLba: 8191 },
      { source: 0, destination: 1, blocks: 0, sourceLba: 0, destinationLba: 0 }
    ]
    assert.strictEqual((await copy(disks, segments)).result, "good")
    assert.deepStrictEqual(blocksOf(destination, 100, 5000), blocksOf(source, 17, 5000))
    assert.deepStrictEqual(blocksOf(destination, 0, 100), before.subarray(0, 100 * 512))
    assert.deepStrictEqual(blocksOf(destination, 5100, 3092), before.subarray(5100 * 512))
    assert.deepStrictEqual(blocksOf(source, 8191, 1), before.subarray(0, 512))
    assert.strictEqual(disks.uses, 0)
  })

  it("copies what it should within one disk, also where source and destination overlap", async () => {
    const random = makeRandom(runSeed(52))
    for (let round = 0; round < 12; round++) {
      const disk = patterned(12_288, round)
      const model = blocksOf(disk, 0, 12_288)
      const blocks = random.between(1, 8000)
      const [sourceLba, destinationLba] = [random.below(12_288 - blocks), random.below(12_288 - blocks)]
      model.copy(model, destinationLba * 512, sourceLba * 512, (sourceLba + blocks) * 512)
      const disks = new Disks(round % 2 === 0 ? disk : slow(disk))
      const { result } = await copy(disks, [{ source: 0, destination: 0, blocks, sourceLba, destinationLba }])
      assert.strictEqual(result, "good")
      assert.isTrue(model.equals(blocksOf(disk, 0, 12_288)), `round ${round}`)
    }
  })

  it("copies what it should where blocks overlap of a disk and of what is stacked on it", async () => {
    const disk = patterned(12_288)
    const model = blocksOf(disk, 0, 12_288)
    model.copy(model, 100 * 512, 0, 8000 * 512)
    const disks = new Disks(slow(disk), disk)
    const segment = { source: 0, destination: 1, blocks: 8000, sourceLba: 0, destinationLba: 100 }
    assert.strictEqual((await copy(disks, [segment])).result, "good")
    assert.isTrue(model.equals(blocksOf(disk, 0, 12_288)))
  })

  it("counts blocks of the destination with DC, and refuses a segment that does not come out even", async () => {
    const [small, large] = [patterned(8192), ramDisk(1024, 4096)]
    const disks = new Disks(small, large)
    const even = { source: 0, destination: 1, blocks: 16, sourceLba: 8, destinationLba: 3 }
    assert.strictEqual((await copy(disks, [{ ...even, countsDestinationBlocks: true }])).result, "good")
    assert.deepStrictEqual(blocksOf(large, 3, 16), blocksOf(small, 8, 128))
    assert.strictEqual((await copy(disks, [even])).result, "good")
    const uneven = await copy(disks, [even, { ...even, blocks: 9 }])
    assert.deepStrictEqual([uneven.result, uneven.sense.readUInt32BE(8)], ["a/26/0a", 1])
  })

  it("copies whole blocks, of whatever size they are", async () => {
    const [source, odd, large] = [patterned(16_384), ramDisk(2048, 1536), ramDisk(2, 2 ** 20)]
    const disks = new Disks(source, odd, large)
    const segment = { source: 0, destination: 1, blocks: 6000, sourceLba: 1, destinationLba: 7 }
    assert.strictEqual((await copy(disks, [segment])).result, "good")
    assert.isTrue(blocksOf(odd, 7, 2000).equals(blocksOf(source, 1, 6000)))
    const tooFew = { source: 1, destination: 2, blocks: 2048, sourceLba: 0, destinationLba: 0 }
    assert.strictEqual((await copy(disks, [tooFew])).result, "a/26/0a")
  })

  it("writes zeros without taking up room for them", async () => {
    const [source, destination] = [ramDisk(8192), patterned(8192)]
    const fresh = ramDisk(8192)
    const disks = new Disks(source, destination, fresh)
    const segments = [
      { ...whole, blocks: 4096 },
      { ...whole, destination: 2 }
    ]
    assert.strictEqual((await copy(disks, segments)).result, "good")
    assert.isTrue(blocksOf(destination, 0, 4096).every((byte) => byte === 0))
    assert.strictEqual(runAt(fresh, 0, 8192 * 512), -8192 * 512)
    assert.isFalse(fresh.provisioning.holds(0))
  })

  it("does nothing with a list of length 0, and refuses lists that are too short or too long", async () => {
    const disks = new Disks(ramDisk(64))
    assert.strictEqual((await disks.send(0, extendedCopyCdb(0))).result, "good")
    assert.strictEqual((await disks.send(0, extendedCopyCdb(15))).result, "5/1a/00")
    assert.strictEqual((await disks.send(0, extendedCopyCdb(7697))).result, "5/1a/00")
    const list = listOf(disks, [whole])
    assert.strictEqual((await disks.send(0, extendedCopyCdb(list.length), list.subarray(0, 40))).result, "5/1a/00")
    const usage = await copy(disks, [], { listIdUsage: 1 })
    assert.deepStrictEqual([usage.result, fieldPointer(usage.sense)], ["5/26/00", "parameter 1.4"])
  })

  it("takes only disks that the session sees, as they are", async () => {
    const disks = new Disks(ramDisk(64), ramDisk(64))
    const segment = { source: 0, destination: 1, blocks: 8, sourceLba: 0, destinationLba: 0 }
    const outcome = async (change: object): Promise<string> => {
      const list = copyList([from(disks, 0), { ...from(disks, 1), ...change }], [segment])
      return (await disks.send(0, extendedCopyCdb(list.length), list)).result
    }
    assert.strictEqual(await outcome({}), "good")
    assert.strictEqual(await outcome({ designator: Buffer.alloc(8, 0x31) }), "a/0d/02")
    assert.strictEqual(await outcome({ association: 1 }), "a/0d/02")
    assert.strictEqual(await outcome({ type: 2 }), "a/0d/02")
    assert.strictEqual(await outcome({ peripheralDeviceType: 1 }), "a/0d/03")
    assert.strictEqual(await outcome({ blockLength: 4096 }), "a/26/00")
    assert.strictEqual((await copy(disks, [{ ...segment, destination: 2 }])).result, "a/08/04")
    assert.strictEqual((await copy(disks, [{ ...segment, source: 0xffff }])).result, "a/08/04")
    disks.hide(1)
    assert.strictEqual(await outcome({}), "a/0d/02")
    assert.strictEqual(disks.uses, 0)
  })

  it("refuses blocks that a disk does not have, before it writes any of the segment", async () => {
    const [source, destination] = [patterned(64, 1), patterned(64, 2)]
    const before = blocksOf(destination, 0, 64)
    const disks = new Disks(source, destination)
    const segment = { source: 0, destination: 1, blocks: 8, sourceLba: 0, destinationLba: 57 }
    for (const wrong of [
      segment,
      { ...segment, sourceLba: 57, destinationLba: 0 },
      { ...segment, sourceLba: 2 ** 50 }
    ]) {
      assert.strictEqual((await copy(disks, [wrong])).result, "a/0d/02")
    }
    assert.deepStrictEqual(blocksOf(destination, 0, 64), before)
  })

  it("writes to no disk that its initiator may not write to", async () => {
    const destination = patterned(64, 2)
    const before = blocksOf(destination, 0, 64)
    const disks = new Disks(ramDisk(64), destination)
    disks.nexus(1).readOnly = true
    const segment = { source: 0, destination: 1, blocks: 8, sourceLba: 0, destinationLba: 0 }
    assert.strictEqual((await copy(disks, [segment])).result, "a/0d/01")
    assert.deepStrictEqual(blocksOf(destination, 0, 64), before)
    assert.strictEqual((await copy(disks, [{ ...segment, source: 1, destination: 0 }])).result, "good")
  })

  it("does what reservations of others allow, at both ends", async () => {
    const disks = new Disks(patterned(64), ramDisk(64))
    const other = disks.attach(disks.unit(1))
    const toIt = { source: 0, destination: 1, blocks: 8, sourceLba: 0, destinationLba: 0 }
    const fromIt = { ...toIt, source: 1, destination: 0 }
    const outcomes = async () => [(await copy(disks, [toIt])).result, (await copy(disks, [fromIt])).result]
    disks.nexus(1).restriction = Restriction.writes
    assert.deepStrictEqual(await outcomes(), ["a/0d/01", "good"])
    disks.nexus(1).restriction = Restriction.readsAndWrites
    assert.deepStrictEqual(await outcomes(), ["a/0d/01", "a/0d/01"])
    disks.nexus(1).restriction = Restriction.none
    await disks.send(1, "16 00 00 00 00 00", undefined, other)
    assert.deepStrictEqual(await outcomes(), ["a/0d/01", "a/0d/01"])
  })

  it("writes nothing for which it has still waited when nobody waits for it any more", async () => {
    const disk = ramDisk(64)
    const busy = new ErrorBdev(disk)
    const disks = new Disks(patterned(64), busy)
    busy.inject({ ioType: "read", errorType: "pending", count: 1, queueDepth: 0, corruptOffset: 0, corruptValue: 0 })
    const locking = disks.start(1, "89 00 0000000000000000 000000 01 00 00", Buffer.alloc(1024))
    const list = listOf(disks, [{ ...whole, blocks: 8 }])
    const copying = disks.start(0, extendedCopyCdb(list.length), list)
    assert.strictEqual(disks.unit(1).taskSet.waitingCount, 1)
    copying.abort()
    busy.resumePending()
    assert.strictEqual((await locking.ended).result, "good")
    await copying.ended
    assert.isTrue(blocksOf(disk, 0, 64).equals(Buffer.alloc(64 * 512)))
    assert.strictEqual(disks.uses, 0)
  })

  it("stops in the middle of a segment when others have reserved one of its disks meanwhile", async () => {
    const destination = ramDisk(8192)
    const disks = new Disks(slow(patterned(8192)), slow(destination))
    const list = listOf(disks, [whole])
    const { ended } = disks.start(0, extendedCopyCdb(list.length), list)
    disks.nexus(1).restriction = Restriction.writes
    assert.strictEqual((await ended).result, "a/0d/01")
    assert.isTrue(blocksOf(destination, 0, 8192).equals(Buffer.alloc(8192 * 512)), "nothing is written any more")
    assert.strictEqual(disks.uses, 0)
  })

  it("ends with the segment that a disk fails, and says which", async () => {
    const broken = new ErrorBdev(ramDisk(8192))
    const disks = new Disks(patterned(8192), broken)
    broken.inject({ ioType: "write", errorType: "failure", count: 1, queueDepth: 0, corruptOffset: 0, corruptValue: 0 })
    const segment = { source: 0, destination: 0, blocks: 8, sourceLba: 0, destinationLba: 100 }
    const { result, sense } = await copy(disks, [segment, segment, { ...segment, destination: 1 }, segment])
    assert.deepStrictEqual([result, sense.readUInt32BE(8)], ["a/0d/01", 2])
    const details = await results(disks, CopyResults.failedSegment)
    assert.deepStrictEqual([details.data[56], details.data.subarray(60)], [0x02, sense])
    assert.strictEqual((await results(disks, CopyResults.failedSegment)).data.toString("hex"), "00000000")
    const { data } = await results(disks, CopyResults.copyStatus)
    assert.deepStrictEqual([data[4], data.readUInt16BE(5), data.readUInt32BE(8)], [2, 3, 8192])
    assert.strictEqual((await results(disks, CopyResults.failedSegment)).result, "5/24/00")
    assert.strictEqual(disks.uses, 0)
  })

  it("points to what is wrong, and counts what is not copied", async () => {
    const pointerOf = ({ sense }: Ended): string =>
      `${((sense[15] ?? 0) & 0x20) === 0 ? "list" : "segment"} ${sense.readUInt16BE(16)}`
    const residualOf = ({ sense }: Ended) => (((sense[0] ?? 0) & 0x80) === 0 ? undefined : sense.readUInt32BE(3))
    const broken = new ErrorBdev(ramDisk(16_384))
    const disks = new Disks(patterned(16_384), broken)
    const segment = { source: 0, destination: 1, blocks: 8192, sourceLba: 0, destinationLba: 0 }
    const outside = await copy(disks, [{ ...segment, destinationLba: 9000 }])
    assert.deepStrictEqual([pointerOf(outside), residualOf(outside)], ["segment 20", undefined])
    assert.strictEqual(pointerOf(await copy(disks, [{ ...segment, destination: 9 }])), "segment 6")
    disks.nexus(1).readOnly = true
    assert.strictEqual(pointerOf(await copy(disks, [segment])), "list 48")
    disks.nexus(1).readOnly = false
    const disk = disks.unit(1).bdev
    let left = 2
    const failing = new Proxy(disk, {
      get: (target, key) => {
        if (key === "write" && left-- === 0) {
          broken.inject({
            ioType: "write",
            errorType: "failure",
            count: 1,
            queueDepth: 0,
            corruptOffset: 0,
            corruptValue: 0
          })
        }
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === "function" ? value.bind(target) : value
      }
    })
    disks.unit(1).bdev = failing
    const third = await copy(disks, [segment])
    assert.deepStrictEqual([third.result, pointerOf(third), residualOf(third)], ["a/0d/01", "list 48", 4096])
  })
})

describe("a copy under way", () => {
  const slowCopy = () => {
    const [source, destination] = [patterned(65_536, 1), ramDisk(65_536)]
    const disks = new Disks(slow(source), slow(destination))
    const list = listOf(disks, [
      { ...whole, blocks: 32_768 },
      { ...whole, blocks: 32_768 }
    ])
    return { destination, disks, command: disks.start(0, extendedCopyCdb(list.length), list) }
  }

  it("lets others have their turn, and tells how far it is", async () => {
    const { command, disks } = slowCopy()
    const begun = await results(disks, CopyResults.copyStatus)
    assert.deepStrictEqual([begun.data.readUInt32BE(0), begun.data[4]], [8, 0x00])
    assert.strictEqual((await results(disks, CopyResults.failedSegment)).result, "5/24/00")
    const again = listOf(disks, [])
    assert.strictEqual((await disks.send(0, extendedCopyCdb(again.length), again)).result, "5/00/16")
    assert.strictEqual((await disks.send(1, "28 00 00000000 00 0001 00")).result, "good")
    assert.strictEqual((await command.ended).result, "good")
    assert.strictEqual((await results(disks, CopyResults.receiveData)).data.toString("hex"), "00000000")
    const { data } = await results(disks, CopyResults.copyStatus)
    assert.deepStrictEqual([data[4], data.readUInt16BE(5), data[7], data.readUInt32BE(8)], [1, 2, 0, 33_554_432])
    assert.strictEqual((await results(disks, CopyResults.copyStatus)).result, "5/24/00")
  })

  it("stops after the piece at which it is aborted", async () => {
    const { command, destination, disks } = slowCopy()
    await results(disks, CopyResults.copyStatus)
    command.abort()
    await command.ended
    assert.isTrue(blocksOf(destination, 16_384, 16_384).every((byte) => byte === 0))
    assert.strictEqual(disks.uses, 0)
  })

  it("stops when one of its disks goes", async () => {
    const { command, disks } = slowCopy()
    disks.hide(1)
    assert.strictEqual((await command.ended).result, "a/0d/02")
    assert.strictEqual(disks.uses, 0)
  })

  it("is one of 16 at most", async () => {
    const disks = new Disks(slow(patterned(4096)))
    const segment = { source: 0, destination: 0, blocks: 2048, sourceLba: 0, destinationLba: 2048 }
    const commands = Array.from({ length: 17 }, (_, listIdentifier) => copy(disks, [segment], { listIdentifier }))
    const outcomes = (await Promise.all(commands)).map(({ result }) => result)
    assert.deepStrictEqual(outcomes, [...outcomes.slice(0, 16).map(() => "good"), "status 28"])
  })
})

describe("RECEIVE COPY RESULTS", () => {
  it("says what copies there may be", async () => {
    const { data } = await results(new Disks(ramDisk(64)), CopyResults.operatingParameters)
    assert.strictEqual(data.readUInt32BE(0), data.length - 4)
    assert.strictEqual(data[4], 0x01)
    const counts = [data.readUInt16BE(8), data.readUInt16BE(10), data.readUInt32BE(12), data.readUInt32BE(16)]
    assert.deepStrictEqual(counts, [16, 256, 7680, 268_431_360])
    assert.deepStrictEqual([data.readUInt32BE(20), data.readUInt32BE(24), data.readUInt16BE(34)], [0, 0, 16])
    assert.deepStrictEqual([data[36], data[43], data[44], data[45], data.length], [16, 2, 0x02, 0xe4, 46])
  })

  it("knows no copy that was not asked for, has no name, or was another initiator's", async () => {
    const disks = new Disks(patterned(64))
    const segment = { source: 0, destination: 0, blocks: 8, sourceLba: 0, destinationLba: 8 }
    assert.strictEqual((await results(disks, CopyResults.copyStatus)).result, "5/24/00")
    assert.strictEqual((await copy(disks, [segment], { listIdUsage: 3, listIdentifier: 0 })).result, "good")
    assert.strictEqual((await results(disks, CopyResults.copyStatus, 0)).result, "5/24/00")
    assert.strictEqual((await copy(disks, [segment])).result, "good")
    const other = disks.attach(disks.unit(0))
    const asked = receiveCopyResultsCdb(CopyResults.copyStatus, 1)
    assert.strictEqual((await disks.send(0, asked, undefined, other)).result, "5/24/00")
    assert.strictEqual((await disks.send(0, asked)).result, "good")
  })

  it("forgets what a reset of the unit ends", async () => {
    const disks = new Disks(patterned(64))
    await copy(disks, [])
    disks.unit(0).reset(SenseCode.busDeviceResetFunctionOccurred)
    disks.nexus(0).take(true)
    assert.strictEqual((await results(disks, CopyResults.copyStatus)).result, "5/24/00")
  })

  it("forgets the oldest of more than 16", async () => {
    const disks = new Disks(patterned(64))
    for (let listIdentifier = 0; listIdentifier <= 16; listIdentifier++) await copy(disks, [], { listIdentifier })
    assert.strictEqual((await results(disks, CopyResults.copyStatus, 0)).result, "5/24/00")
    assert.strictEqual((await results(disks, CopyResults.copyStatus, 1)).result, "good")
  })

  it("is cut to the allocation length, and has no other service actions", async () => {
    const disks = new Disks(ramDisk(64))
    const { data } = await disks.send(0, receiveCopyResultsCdb(CopyResults.operatingParameters, 0, 10))
    assert.deepStrictEqual([data.length, data.readUInt32BE(0)], [10, 42])
    for (const action of [0x02, 0x05, 0x06, 0x07]) assert.strictEqual((await results(disks, action)).result, "5/20/00")
  })
})
