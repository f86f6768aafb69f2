/** All commands that change blocks, in random order, against a plain array; on disks of several kinds. */
import { assert, describe, it } from "vitest"
import type { Bdev } from "../../../../src/dataplane/bdev/Bdev.ts"
import { nodeFiles } from "../../../../src/dataplane/bdev/file/FileOperations.ts"
import { OpenFiles } from "../../../../src/dataplane/bdev/file/OpenFiles.ts"
import { MallocBdev } from "../../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { DelayBdev } from "../../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { makeRandom, type Random, runSeed } from "../../../support/initiator/random.ts"
import { aioSpec, Folder, openDisk } from "../../bdev/aio-support.ts"
import { mallocSpec, RecordedIo } from "../../bdev/recorded-io.ts"
import { quietNexus } from "../scsi-fixture.ts"
import { cdb10, cdb16, operate } from "./operation-run.ts"

const blocks = 160

/** The disk as it should be, and what was done to it last. */
class Model {
  readonly blockSize: number
  readonly content: Buffer

  constructor(blockSize: number) {
    this.blockSize = blockSize
    this.content = Buffer.alloc(blocks * blockSize)
  }

  blocksAt(lba: number, count: number): Buffer {
    return this.content.subarray(lba * this.blockSize, (lba + count) * this.blockSize)
  }
}

interface Step {
  readonly cdb: Buffer
  readonly data: Buffer
  readonly expected: string
}

const unmapList = (lba: number, count: number): Buffer => {
  const list = Buffer.alloc(24)
  list.writeUInt16BE(22, 0)
  list.writeUInt16BE(16, 2)
  list.writeBigUInt64BE(BigInt(lba), 8)
  list.writeUInt32BE(count, 16)
  return list
}

/** Draws a command, and does it to the model. */
const draw = (random: Random, model: Model, bdev: Bdev): Step => {
  const lba = random.below(blocks)
  const count = random.between(1, Math.min(blocks - lba, random.chance(0.2) ? 100 : 5))
  const place = model.blocksAt(lba, count)
  const data = Buffer.alloc(place.length, random.pick([0, 1, 0x80, 0xff]))
  const kinds = ["write and verify", "write same", "clear", "compare and write", "orwrite"] as const
  const offered = bdev.thin ? ([...kinds, "unmap", "write atomic"] as const) : kinds
  const kind = random.pick([offered[0] ?? "clear", ...offered])
  const good = (cdb: Buffer, sent: Buffer): Step => ({ cdb, data: sent, expected: "good" })
  switch (kind) {
    case "write and verify":
      data.copy(place)
      return good(cdb10(0x2e, 0x02, lba, count), data)
    case "write same":
      data.copy(place)
      return good(cdb16(0x93, 0, lba, count), data.subarray(0, model.blockSize))
    case "clear":
      place.fill(0)
      return good(cdb16(0x93, bdev.thin && random.chance(0.5) ? 0x09 : 0x01, lba, count), Buffer.alloc(0))
    case "orwrite":
      for (const [at, byte] of data.entries()) place[at] = (place[at] ?? 0) | byte
      return good(cdb16(0x8b, 0, lba, count), data)
    case "unmap": {
      const cdb = cdb10(0x42, 0, 0, 24)
      place.fill(0)
      return good(cdb, unmapList(lba, count))
    }
    case "write atomic": {
      const cdb = cdb16(0x9c, 0, lba, 0)
      cdb.writeUInt16BE(count, 12)
      data.copy(place)
      return good(cdb, data)
    }
    case "compare and write": {
      const cdb = cdb16(0x89, 0, lba, 0)
      cdb[13] = count
      const guess = random.chance(0.7) ? Buffer.from(place) : Buffer.alloc(place.length, 0x7e)
      const isRight = guess.equals(place)
      const sent = Buffer.concat([guess, data])
      if (isRight) data.copy(place)
      return { cdb, data: sent, expected: isRight ? "good" : "e/1d/00" }
    }
  }
}

const readAll = async (bdev: Bdev): Promise<Buffer> => {
  const content = Buffer.alloc(bdev.blockCount * bdev.blockSize)
  const io = new RecordedIo()
  bdev.read(0, content, 0, content.length, io)
  await io.answered
  return content
}

const play = async (bdev: Bdev, seed: number, rounds: number): Promise<void> => {
  const random = makeRandom(seed)
  const nexus = quietNexus(bdev)
  const model = new Model(bdev.blockSize)
  for (let round = 0; round < rounds; round++) {
    const { cdb, data, expected } = draw(random, model, bdev)
    const { result } = await operate(cdb, data, nexus)
    assert.strictEqual(result, expected, `seed ${seed}, round ${round}: ${cdb.toString("hex")}`)
    const verify = await operate(cdb16(0x8f, 0x02, 0, blocks), model.content, nexus)
    assert.strictEqual(verify.result, "good", `seed ${seed}, round ${round}: after ${cdb.toString("hex")}`)
  }
  assert.isTrue((await readAll(bdev)).equals(model.content))
}

const ram = (blockSize: number, physicalBlockSize = 0): MallocBdev =>
  new MallocBdev(mallocSpec({ blockCount: blocks, blockSize, physicalBlockSize }))
const latencies = { averageReadMicros: 10, p99ReadMicros: 0, averageWriteMicros: 10, p99WriteMicros: 0 }

describe("commands that change blocks, against a plain array", () => {
  const seed = runSeed(5)

  it("on 512-byte blocks", () => play(ram(512), seed, 300))
  it("on 4096-byte blocks", () => play(ram(4096), seed + 1, 100))
  it("on 512-byte blocks of a 4096-byte physical block", () => play(ram(512, 4096), seed + 2, 100))
  it("on a disk that answers late", () => play(new DelayBdev(latencies, ram(512), () => 0.5), seed + 3, 60))
  it("on a file", async () => {
    using folder = new Folder()
    const bdev = await openDisk(aioSpec(folder.file("disk", blocks * 512)), new OpenFiles(nodeFiles, 64))
    await play(bdev, seed + 4, 100)
    bdev.close()
  })
})
