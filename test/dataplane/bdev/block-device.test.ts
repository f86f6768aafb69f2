/** Block devices as disks: loop devices, which are files that Linux makes devices of. */
import { readFileSync, statSync, truncateSync } from "node:fs"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import type { AioSpec } from "../../../src/dataplane/bdev/BdevSpec.ts"
import type { AioBdev } from "../../../src/dataplane/bdev/file/AioBdev.ts"
import { deviceNumberOf, readDeviceFacts } from "../../../src/dataplane/bdev/file/device-facts.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import { makeRandom, runSeed } from "../../support/initiator/random.ts"
import { describeWithLoopDevices, LoopDevice, type LoopOptions } from "../../support/loop-device.ts"
import { aioSpec, Folder, open, openDisk, type Told } from "./aio-support.ts"
import { RecordedIo } from "./recorded-io.ts"

const mebibyte = 1024 * 1024

let folder: Folder
let path: string
const devices: Array<LoopDevice> = []
const disks: Array<AioBdev> = []
beforeEach(() => {
  folder = new Folder()
  path = folder.file("disk", 8 * mebibyte)
})
afterEach(async () => {
  await Promise.all(disks.splice(0).map(closed))
  for (const device of devices.splice(0)) device.detach()
  folder[Symbol.dispose]()
})

const closing = new WeakSet<AioBdev>()
const closed = (opened: AioBdev): Promise<void> =>
  new Promise((resolve) => {
    if (closing.has(opened)) return resolve()
    closing.add(opened)
    opened.close()
    opened.whenClosed(resolve)
  })

const attach = (options: LoopOptions = {}): LoopDevice => {
  const device = LoopDevice.attach(path, options)
  devices.push(device)
  return device
}

const disk = async (spec: AioSpec, openFiles = new OpenFiles(), told: Told = []): Promise<AioBdev> => {
  const opened = await openDisk(spec, openFiles, told)
  disks.push(opened)
  return opened
}

const refusal = async (spec: AioSpec, openFiles = new OpenFiles()): Promise<string> => {
  const result = await open(spec, openFiles)
  if (result._tag === "BdevOpened") disks.push(await openDisk(spec, openFiles))
  return result._tag === "BdevFailure" ? `${result.code}: ${result.detail}` : "opened"
}

const ended = (submit: (io: RecordedIo) => void): Promise<IoStatus> => {
  const io = new RecordedIo()
  submit(io)
  return io.answered
}

describeWithLoopDevices("a block device", () => {
  it("is a disk with its size and, if nothing else is asked for, its blocks", async () => {
    const device = attach({ logicalBlockSize: 4096 })
    const opened = await disk(aioSpec(device.path, { blockSize: 0 }))
    assert.deepInclude(opened, { blockSize: 4096, physicalBlockSize: 4096, blockCount: 2048, writeCache: true })
    const data = makeRandom(3).bytes(65_536)
    assert.strictEqual(await ended((io) => opened.write(4096, data, 0, data.length, false, io)), IoStatus.ok)
    assert.strictEqual(await ended((io) => opened.flush(io)), IoStatus.ok)
    assert.isTrue(
      readFileSync(path)
        .subarray(4096, 4096 + data.length)
        .equals(data)
    )
  })

  it("takes larger blocks than its own, no smaller ones", async () => {
    const device = attach({ logicalBlockSize: 4096 })
    assert.match(await refusal(aioSpec(device.path)), /^EINVAL: .* blocks of 4096 bytes, and not of 512; use 4096/)
    assert.strictEqual((await disk(aioSpec(device.path, { blockSize: 8192 }))).blockCount, 1024)
  })

  it("that is read-only is so for everyone", async () => {
    const device = attach({ readOnly: true })
    assert.match(await refusal(aioSpec(device.path)), /^EROFS: .* read-only device; use it read-only/)
    const opened = await disk(aioSpec(device.path, { readOnly: true }))
    const io = ended((write) => opened.write(0, Buffer.alloc(512), 0, 512, false, write))
    assert.strictEqual(await io, IoStatus.writeProtected)
  })

  it("has one writer, whatever way they come: the device, another process, its file", async () => {
    const device = attach()
    const openFiles = new OpenFiles()
    const first = await disk(aioSpec(device.path), openFiles)
    assert.match(await refusal(aioSpec(device.path), openFiles), /^EBUSY: .*bdev Aio0 writes to it/)
    assert.match(await refusal(aioSpec(path), openFiles), /^EBUSY: .*bdev Aio0 writes to it/)
    // As another process, which knows nothing of our bdevs.
    assert.match(await refusal(aioSpec(device.path)), /^EBUSY: .*belongs to a volume or another program/)
    assert.strictEqual((await disk(aioSpec(device.path, { readOnly: true }), openFiles)).blockCount, 16_384)
    await closed(first)
    await disk(aioSpec(path), openFiles)
    assert.match(await refusal(aioSpec(device.path), openFiles), /^EBUSY: .*bdev Aio0 writes to it/)
  })

  it("gives back what is unmapped, and reads as zeros there", async () => {
    const opened = await disk(aioSpec(attach().path, { fallocate: true }))
    assert.isTrue(opened.thin)
    const bytes = 4 * mebibyte
    assert.strictEqual(await ended((io) => opened.write(0, Buffer.alloc(bytes, 1), 0, bytes, true, io)), IoStatus.ok)
    const before = statSync(path).blocks
    assert.strictEqual(await ended((io) => opened.unmap(mebibyte, 2 * mebibyte, io)), IoStatus.ok)
    assert.isBelow(statSync(path).blocks, before)
    const content = Buffer.alloc(bytes, 9)
    assert.strictEqual(await ended((io) => opened.read(0, content, 0, bytes, io)), IoStatus.ok)
    assert.isTrue(content.every((byte, at) => byte === (at >= mebibyte && at < 3 * mebibyte ? 0 : 1)))
    assert.strictEqual(await new Promise((resolve) => opened.mappedRun(0, bytes, resolve)), bytes)
  })

  it("keeps what was written before and after it was cleared, block by block", async () => {
    const seed = runSeed(17)
    for (const changes of [{}, { direct: true }] as const) {
      const random = makeRandom(seed)
      const opened = await disk(aioSpec(attach().path, { fallocate: true, ...changes }))
      const model = Buffer.from(readFileSync(path).subarray(0, 256 * 512))
      for (let step = 1; step <= 300; step++) {
        const at = random.between(0, 255) * 512
        const length = random.between(1, Math.min(40, 256 - at / 512)) * 512
        const kind = random.pick(["write", "write", "unmap", "zeros", "flush"] as const)
        const data = Buffer.alloc(length, step % 251)
        if (kind === "write") {
          data.copy(model, at)
          assert.strictEqual(
            await ended((io) => opened.write(at, data, 0, length, random.chance(0.1), io)),
            IoStatus.ok
          )
        } else if (kind === "flush") assert.strictEqual(await ended((io) => opened.flush(io)), IoStatus.ok)
        else {
          model.fill(0, at, at + length)
          const clear = (io: RecordedIo) =>
            kind === "unmap" ? opened.unmap(at, length, io) : opened.writeZeroes(at, length, false, io)
          assert.strictEqual(await ended(clear), IoStatus.ok)
        }
      }
      const content = Buffer.alloc(model.length)
      assert.strictEqual(await ended((io) => opened.read(0, content, 0, content.length, io)), IoStatus.ok)
      assert.isTrue(content.equals(model), `seed ${seed}`)
      await closed(opened)
    }
  })

  it("has another size when its file has, and what is beyond its end is no lack of space", async () => {
    const told: Told = []
    const device = attach()
    const opened = await disk(aioSpec(device.path), new OpenFiles(), told)
    const measured = () => new Promise((resolve) => opened.measure(resolve))
    truncateSync(path, 16 * mebibyte)
    device.takeFileSize()
    assert.strictEqual(await measured(), 32_768)
    truncateSync(path, mebibyte)
    device.takeFileSize()
    assert.strictEqual(await measured(), 2048)
    const at = 2 * mebibyte
    const written = ended((io) => opened.write(at, Buffer.alloc(512), 0, 512, false, io))
    assert.strictEqual(await written, IoStatus.mediumError)
    assert.strictEqual(await ended((io) => opened.read(at, Buffer.alloc(512), 0, 512, io)), IoStatus.mediumError)
    assert.deepStrictEqual(told, [`write EOF at ${at}`, `read EOF at ${at}`])
  })

  it("whose device is not in sysfs is refused", async () => {
    const openFiles = new OpenFiles(undefined, undefined, undefined, folder.path)
    assert.match(await refusal(aioSpec(attach().path), openFiles), /^ENODEV: .* block device that .* does not have/)
  })
})

describe("what sysfs says of a device", () => {
  const sysfs = (files: Readonly<Record<string, string>>) => (file: string) => {
    const text = files[file.replace(/^\/sys\/dev\/block\//, "")]
    return text === undefined ? Promise.reject(new Error("ENOENT")) : Promise.resolve(text)
  }

  it("is its disk's where it is a partition", async () => {
    const facts = await readDeviceFacts(
      sysfs({
        "8:1/partition": "1\n",
        "8:1/size": "2048\n",
        "8:1/ro": "0\n",
        "8:1/../queue/logical_block_size": "512\n",
        "8:1/../queue/physical_block_size": "4096\n",
        "8:1/../queue/rotational": "1\n",
        "8:1/../queue/write_zeroes_max_bytes": "33553920\n",
        "8:1/../queue/discard_granularity": "4096\n",
        "8:1/../removable": "1\n"
      }),
      "/sys",
      "8:1"
    )
    assert.deepInclude(facts, { byteLength: mebibyte, logicalBlockSize: 512, physicalBlockSize: 4096 })
    assert.deepInclude(facts, {
      readOnly: false,
      rotational: true,
      removable: true,
      writesZeroes: true,
      discardGranularity: 4096
    })
  })

  it("is not believed where it is no number that can be", async () => {
    for (const size of ["", "x", "-1", "1e3", "99999999999999999", "9".repeat(60_000)]) {
      assert.isUndefined(await readDeviceFacts(sysfs({ "8:0/size": size }), "/sys", "8:0"))
    }
    const odd = { "8:0/size": "8", "8:0/queue/logical_block_size": "513", "8:0/queue/physical_block_size": "0" }
    const facts = await readDeviceFacts(sysfs(odd), "/sys", "8:0")
    assert.deepInclude(facts, { logicalBlockSize: 512, physicalBlockSize: 512, writesZeroes: false })
  })

  it("is found by the numbers of its device", () => {
    assert.strictEqual(deviceNumberOf(0x0801n), "8:1")
    assert.strictEqual(deviceNumberOf(0x1111_0370n), "259:70000")
  })
})
