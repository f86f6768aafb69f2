/** What a command tells of blocks that cannot be read or written: which one, of whatever steps it is made of. */
import { assert, describe, it } from "vitest"
import { type BdevIo, IoStatus } from "../../../../src/dataplane/bdev/Bdev.ts"
import { IoStatistics } from "../../../../src/dataplane/bdev/statistics/IoStatistics.ts"
import { CountingBdev } from "../../../../src/dataplane/bdev/wrapper/CountingBdev.ts"
import { DelayBdev } from "../../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { ErrorBdev } from "../../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { LimitedBdev } from "../../../../src/dataplane/bdev/wrapper/LimitedBdev.ts"
import { WrapperBdev } from "../../../../src/dataplane/bdev/wrapper/WrapperBdev.ts"
import { nullDisk, quietNexus } from "../scsi-fixture.ts"
import { cdb10, cdb16, operate } from "./operation-run.ts"

const blockSize = 512
const badBlock = 20_000

/** A disk of zeros with one bad block, which answers as it is asked. */
class BadBlockBdev extends WrapperBdev {
  constructor() {
    super("a disk with a bad block", nullDisk(65536))
  }

  #end(byteOffset: number, byteLength: number, io: BdevIo): void {
    const bad = badBlock * blockSize
    if (byteOffset > bad || byteOffset + byteLength <= bad) io.ioDone(IoStatus.ok)
    else io.ioDone(IoStatus.mediumError, bad)
  }

  read(byteOffset: number, target: Buffer, start: number, byteLength: number, io: BdevIo): void {
    target.fill(0, start, start + byteLength)
    this.#end(byteOffset, byteLength, io)
  }

  write(byteOffset: number, _source: Buffer, _start: number, byteLength: number, _fua: boolean, io: BdevIo): void {
    this.#end(byteOffset, byteLength, io)
  }

  unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    this.#end(byteOffset, byteLength, io)
  }

  writeZeroes(byteOffset: number, byteLength: number, _fua: boolean, io: BdevIo): void {
    this.#end(byteOffset, byteLength, io)
  }

  flush(io: BdevIo): void {
    io.ioDone(IoStatus.ok)
  }

  close(): void {}
}

const latencies = { averageReadMicros: 0, p99ReadMicros: 0, averageWriteMicros: 0, p99WriteMicros: 0 }
const unlimited = { readWriteIos: 0, readWriteBytes: 0, readBytes: 0, writeBytes: 0 }

/** Everything that can lie between a unit and its disk. */
const stacked = () => {
  const counted = new CountingBdev(new ErrorBdev(new BadBlockBdev()), new IoStatistics(), () => 0)
  return new LimitedBdev(new DelayBdev(latencies, counted, Math.random), unlimited)
}

describe("a bad block", () => {
  const blocks = Buffer.alloc(8 * blockSize)
  const two = Buffer.alloc(2 * blockSize)
  const caw = cdb16(0x89, 0, badBlock, 0)
  caw[13] = 1
  const unmapList = Buffer.alloc(24)
  unmapList.writeUInt16BE(22, 0)
  unmapList.writeUInt16BE(16, 2)
  unmapList.writeUInt32BE(badBlock - 9, 12)
  unmapList.writeUInt32BE(20, 16)

  it("is named by every command that meets it", async () => {
    const commands: ReadonlyArray<readonly [string, Buffer, Buffer | undefined, string]> = [
      ["VERIFY of many steps", cdb10(0x2f, 0, 3, 50_000), undefined, "3/11/00"],
      ["VERIFY with data", cdb16(0x8f, 2, badBlock - 7, 8), blocks, "3/11/00"],
      ["WRITE AND VERIFY", cdb10(0x2e, 2, badBlock, 8), blocks, "3/0c/00"],
      ["COMPARE AND WRITE", caw, two, "3/11/00"],
      ["ORWRITE", cdb16(0x8b, 0, badBlock - 1, 8), blocks, "3/11/00"],
      ["WRITE SAME of zeros", cdb16(0x93, 1, 0, 32_768), undefined, "3/0c/00"],
      ["WRITE SAME", cdb16(0x93, 0, 0, 32_768), Buffer.alloc(blockSize, 1), "3/0c/00"],
      ["WRITE SAME with UNMAP", cdb16(0x93, 9, 100, 32_768), undefined, "3/0c/00"],
      ["UNMAP", cdb10(0x42, 0, 0, 24), unmapList, "3/0c/00"],
      ["WRITE ATOMIC", Buffer.from("9c000000000000004e1f000000040000", "hex"), two, "3/0c/00"]
    ]
    for (const [name, cdb, data, result] of commands) {
      const nexus = quietNexus(stacked())
      const sent = name === "WRITE ATOMIC" ? Buffer.alloc(4 * blockSize) : data
      const outcome = await operate(cdb, sent, nexus)
      assert.deepStrictEqual([outcome.result, outcome.task.information], [result, badBlock], name)
    }
  })

  it("is not met by who does not touch it", async () => {
    const nexus = quietNexus(stacked())
    assert.strictEqual((await operate(cdb10(0x2f, 0, badBlock + 1, 40_000), undefined, nexus)).result, "good")
    assert.strictEqual((await operate(cdb10(0x2f, 0, 0, badBlock), undefined, nexus)).result, "good")
  })
})
