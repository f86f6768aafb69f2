/** RAM disks: what is written is read, to the last byte and beyond 4 GiB, and the memory goes when the disk does. */
import { assert, describe, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { NullBdev } from "../../../src/dataplane/bdev/memory/NullBdev.ts"
import { makeRandom } from "../../support/initiator/random.ts"
import { mallocSpec, okIo, RecordedIo } from "./recorded-io.ts"

const gibibyte = 2 ** 30

describe("a malloc bdev", () => {
  it("starts with zeros and gives back what was written", () => {
    const bdev = new MallocBdev(mallocSpec())
    const written = makeRandom(1).bytes(1024 + 7)
    bdev.write(512, written, 7, 1024, false, okIo)
    const read = Buffer.alloc(2048 + 3, 0xee)
    bdev.read(0, read, 3, 2048, okIo)
    const expected = Buffer.concat([Buffer.alloc(3, 0xee), Buffer.alloc(512), written.subarray(7), Buffer.alloc(512)])
    assert.isTrue(read.equals(expected))
  })

  it("shows its memory, which is the disk itself", () => {
    const bdev = new MallocBdev(mallocSpec())
    assert.strictEqual(bdev.memory?.length, 64 * 512)
    bdev.memory?.fill(0x5a, 1024, 1536)
    const read = Buffer.alloc(512)
    bdev.read(1024, read, 0, 512, okIo)
    assert.isTrue(read.equals(Buffer.alloc(512, 0x5a)))
  })

  it("takes the block size as the physical one where none is given", () => {
    assert.strictEqual(new MallocBdev(mallocSpec()).physicalBlockSize, 512)
    assert.strictEqual(new MallocBdev(mallocSpec({ physicalBlockSize: 4096 })).physicalBlockSize, 4096)
  })

  it("fails what ends beyond the disk and leaves the disk alone", () => {
    const bdev = new MallocBdev(mallocSpec({ blockCount: 2 }))
    const io = new RecordedIo()
    bdev.write(1024, Buffer.alloc(512, 1), 0, 512, false, io)
    bdev.read(1024, Buffer.alloc(512), 0, 512, io)
    assert.deepStrictEqual(io.answers, [IoStatus.failed, IoStatus.failed])
  })

  it("of large blocks keeps its memory to itself: who writes there would have to keep whole blocks aside", () => {
    for (const [blockSize, shown] of [
      [16_384, true],
      [32_768, false]
    ] as const) {
      const sizes = { blockCount: 4, blockSize, physicalBlockSize: 0, optimalIoBoundary: 0 }
      const bdev = new MallocBdev({ _tag: "Malloc", ...sizes })
      assert.strictEqual(bdev.memory !== undefined, shown)
      bdev.close()
    }
  })

  it("gives its memory back on close, and fails IO from then on", () => {
    const bdev = new MallocBdev(mallocSpec())
    bdev.close()
    assert.strictEqual(bdev.memory?.length, 0)
    const io = new RecordedIo()
    bdev.read(0, Buffer.alloc(512), 0, 512, io)
    bdev.write(0, Buffer.alloc(512), 0, 512, true, io)
    assert.deepStrictEqual(io.answers, [IoStatus.failed, IoStatus.failed])
  })

  it("keeps resident memory flat over 40 disks of 64 MiB that are written and closed", () => {
    const before = process.memoryUsage().rss
    for (let round = 0; round < 40; round++) {
      const bdev = new MallocBdev(mallocSpec({ blockCount: 131072 }))
      bdev.memory?.fill(1)
      bdev.close()
    }
    const grown = process.memoryUsage().rss - before
    assert.isBelow(grown, 128 * 1048576)
  })
})

describe("a malloc bdev of more than 4 GiB", () => {
  // Only the pages that are touched take memory.
  const blockCount = (5 * gibibyte) / 512

  it("does not show its memory, because copies out of it would come from the wrong place", () => {
    const bdev = new MallocBdev(mallocSpec({ blockCount }))
    assert.isUndefined(bdev.memory)
    bdev.close()
  })

  it("keeps blocks apart that are 4 GiB apart, and IO over the seams of its views whole", () => {
    const bdev = new MallocBdev(mallocSpec({ blockCount }))
    const random = makeRandom(2)
    const places = [
      0,
      gibibyte - 1024,
      2 * gibibyte - 512,
      4 * gibibyte - 1024,
      4 * gibibyte + 4096,
      5 * gibibyte - 2048
    ]
    const contents = places.map(() => random.bytes(2048))
    places.forEach((place, index) => {
      bdev.write(place, contents[index] ?? Buffer.alloc(0), 0, 2048, false, okIo)
    })
    places.forEach((place, index) => {
      const read = Buffer.alloc(2048)
      bdev.read(place, read, 0, 2048, okIo)
      assert.isTrue(read.equals(contents[index] ?? Buffer.alloc(0)), `at ${place}`)
    })
    bdev.close()
  })
})

describe("a null bdev", () => {
  it("reads zeros whatever was written", () => {
    const bdev = new NullBdev({ _tag: "Null", blockCount: 2 ** 40, blockSize: 512, physicalBlockSize: 4096 })
    bdev.write(2 ** 45, Buffer.alloc(512, 1), 0, 512, true, okIo)
    const read = Buffer.alloc(516, 0xee)
    bdev.read(2 ** 45, read, 2, 512, okIo)
    assert.isTrue(read.equals(Buffer.concat([Buffer.alloc(2, 0xee), Buffer.alloc(512), Buffer.alloc(2, 0xee)])))
    bdev.flush(okIo)
    assert.isUndefined(bdev.memory)
    assert.strictEqual(bdev.physicalBlockSize, 4096)
  })
})
