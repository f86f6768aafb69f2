/** Random IO at a file whose operations end in any order, in part, or fail: each is answered once, rightly. */
import { readFileSync, readSync, writeSync } from "node:fs"
import { constants } from "node:os"
import { setImmediate as turn } from "node:timers/promises"
import { assert, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import type { FileShortcuts } from "../../../src/dataplane/bdev/file/file-shortcuts.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import type { TransferNow } from "../../../src/dataplane/bdev/file/system-calls.ts"
import { makeRandom, type Random, runSeed } from "../../support/initiator/random.ts"
import { aioSpec, type Begun, Folder, HeldFiles, openDisk } from "./aio-support.ts"
import { RecordedIo } from "./recorded-io.ts"

const blocks = 32
const rounds = 60

/** One IO, and what it was to write. */
interface Asked {
  readonly io: RecordedIo
  readonly kind: "read" | "write" | "fua" | "flush" | "unmap" | "zeros"
  readonly block: number
  readonly data: Buffer
}

/** Lets some operations go on, oldest or newest first, some only in part; one in twenty fails. */
const letGo = (random: Random, held: Array<Begun>): void => {
  for (let left = random.between(1, 6); left > 0 && held.length > 0; left--) {
    const [begun] = held.splice(random.between(0, held.length - 1), 1)
    const transfers = begun !== undefined && ["read", "write", "writes"].includes(begun.operation)
    const clears = begun?.operation === "punchHole" || begun?.operation === "zeroRange"
    if (transfers && random.chance(0.05)) begun?.fail("EIO")
    // What can't be done so, also from the middle on, is done by writing.
    else if (clears && random.chance(0.02)) begun?.fail("EOPNOTSUPP")
    else begun?.go(transfers && random.chance(0.3) ? random.between(1, begun.byteLength) : undefined)
  }
}

/** Of one block. */
const ask = (random: Random, disk: Awaited<ReturnType<typeof openDisk>>, fill: number): Asked => {
  const { blockSize } = disk
  const kind = random.pick<Asked["kind"]>(["read", "write", "write", "fua", "flush", "unmap", "zeros"])
  const block = random.between(0, blocks - 1)
  const data = Buffer.alloc(blockSize, kind === "write" || kind === "fua" ? fill : 0)
  const io = new RecordedIo()
  if (kind === "read") disk.read(block * blockSize, data, 0, blockSize, io)
  else if (kind === "flush") disk.flush(io)
  else if (kind === "unmap") disk.unmap(block * blockSize, blockSize, io)
  else if (kind === "zeros") disk.writeZeroes(block * blockSize, blockSize, random.chance(0.5), io)
  else disk.write(block * blockSize, data, 0, blockSize, kind === "fua", io)
  return { io, kind, block, data }
}

/** Does it, or part of it, or would have to wait. */
const perhaps =
  (random: Random, transfer: TransferNow): TransferNow =>
  (descriptor, buffer, start, byteLength, byteOffset) => {
    if (random.chance(0.4)) return -constants.errno.EAGAIN
    const bytes = random.chance(0.2) ? random.between(1, byteLength) : byteLength
    return transfer(descriptor, buffer, start, bytes, byteOffset)
  }

/** Of a file that can do some at once, and writes together. */
const shortcuts = (random: Random, files: HeldFiles): FileShortcuts => ({
  inMemory: random.chance(0.3),
  read: perhaps(random, readSync),
  write: random.chance(0.5) ? perhaps(random, writeSync) : () => -constants.errno.EOPNOTSUPP,
  takeWriteBatch: () => (random.chance(0.9) ? files.takeWriteBatch() : undefined)
})

const play = async (seed: number, folder: Folder): Promise<void> => {
  const random = makeRandom(seed)
  const files = new HeldFiles()
  const blockSize = random.pick([512, 4096])
  const path = folder.file(`disk${seed}`, blocks * blockSize)
  const spec = aioSpec(path, { blockSize, ...(random.chance(0.7) ? { fallocate: true } : {}) })
  if (random.chance(0.7)) files.atOnce = shortcuts(random, files)
  const disk = await openDisk(spec, new OpenFiles(files, random.pick([4, 16, 64])))
  files.isOpen = true
  const asked: Array<Asked> = []
  const held: Array<Begun> = []
  const closesAt = random.chance(0.3) ? random.between(0, rounds - 1) : undefined
  for (let round = 0; round < rounds; round++) {
    for (let count = random.between(0, 4); count > 0; count--) asked.push(ask(random, disk, 1 + (asked.length % 255)))
    if (round === closesAt) disk.close()
    held.push(...files.take())
    letGo(random, held)
    await turn()
  }
  while (asked.some(({ io }) => io.answers.length === 0)) {
    held.push(...files.take())
    letGo(random, held)
    await turn()
  }
  assert.isTrue(asked.every(({ io }) => io.answers.length === 1))
  const content = readFileSync(path)
  for (let block = 0; block < blocks; block++) {
    const here = content.subarray(block * blockSize, (block + 1) * blockSize)
    const writes = asked.filter((one) => one.block === block && one.kind !== "read" && one.kind !== "flush")
    if (writes.some(({ io }) => io.answers[0] !== IoStatus.ok)) continue
    // Of writes that were out together each byte is one's or another's.
    const possible = new Set(writes.length === 0 ? [0] : writes.map(({ data }) => data[0]))
    assert.isTrue(
      here.every((byte) => possible.has(byte)),
      `seed ${seed}, block ${block}`
    )
  }
}

it("answers every IO once, and has every write that succeeded", async () => {
  using folder = new Folder()
  const seed = runSeed(71)
  for (let run = 0; run < 30; run++) await play(seed + run, folder)
})
