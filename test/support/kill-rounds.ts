/**
 * Kills a target again and again while an initiator of ours writes stamped blocks, and perhaps Linux in a guest, whose
 * fio verifies what it has written. The initiators come back to the target that is started again.
 */
import { closeSync, openSync, readFileSync, readSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { assert } from "vitest"
import { type DiskCall, diskTargetName, setUpDisks } from "./disk-target.ts"
import { cdb, clearUnitAttentions } from "./initiator/commands.ts"
import { makeRandom, type Random } from "./initiator/random.ts"
import { outcomeText } from "./initiator/ScsiTask.ts"
import { Session } from "./initiator/Session.ts"
import { WireClosed } from "./initiator/Wire.ts"
import { type LinuxGuest, startLinuxGuest } from "./linux-guest.ts"
import { PromisedBlocks, stampedBlocks } from "./promised-blocks.ts"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "./target-process.ts"

/** What is done. */
export interface KillRounds {
  readonly seed: number
  readonly kills: number
  /** Stamped writes between two kills, about. */
  readonly writesBetween: number
  /** Seconds that a guest with fio runs; absent: there is none. */
  readonly guestSeconds?: number
}

const stampedCount = 2048
const fioBytes = 8 * 1024 * 1024
const fioBlockBytes = 4096
/** Until a target that was started again takes a login. */
const loginMillis = 30_000

const synchronizeCache = Buffer.from("35000000000000000000", "hex")

/** One disk that is written to. */
interface StampedDisk {
  readonly lun: number
  readonly file: string
  readonly blocks: PromisedBlocks
  /** What an answer promises without a flush: with the process gone, the system still has what is in its cache. */
  readonly answersPromise: boolean
}

/** Writes one stamped range after the other, with some under way at once, until the connection is cut. */
class Writer {
  readonly #random: Random
  readonly #disks: ReadonlyArray<StampedDisk>
  readonly #busy = new Set<string>()
  #stamp = 0
  /** Writes that were answered. */
  answered = 0

  constructor(random: Random, disks: ReadonlyArray<StampedDisk>) {
    this.#random = random
    this.#disks = disks
  }

  /** Returns when the session is over. */
  async run(session: Session): Promise<void> {
    this.#busy.clear()
    const lanes = Array.from({ length: 4 }, async () => {
      for (;;) await this.#one(session)
    })
    for (const lane of await Promise.allSettled(lanes)) {
      if (lane.status === "rejected" && !(lane.reason instanceof WireClosed)) throw lane.reason
    }
  }

  async #one(session: Session): Promise<void> {
    const disk = this.#random.chance(0.5) ? this.#disks[0] : this.#disks[1]
    if (disk === undefined) return
    if (this.#random.chance(0.1)) return this.#flush(session, disk)
    const first = this.#random.below(stampedCount - 64)
    const count = this.#random.pick([1, 3, 8, 64])
    const keys = Array.from({ length: count }, (_, at) => `${disk.lun}:${first + at}`)
    if (keys.some((key) => this.#busy.has(key))) return delay(0)
    for (const key of keys) this.#busy.add(key)
    const stamp = ++this.#stamp
    const fua = this.#random.chance(0.2)
    const command = cdb.write16(first, count)
    if (fua) command[1] = 0x08
    disk.blocks.submitted(first, count, stamp)
    const writeData = stampedBlocks(stamp, first, count)
    const result = await session.command({ lun: disk.lun, cdb: command, writeData })
    assert.strictEqual(outcomeText(result), "GOOD")
    disk.blocks.ended(first, count, fua || disk.answersPromise)
    for (const key of keys) this.#busy.delete(key)
    this.answered++
  }

  async #flush(session: Session, { blocks, lun }: StampedDisk): Promise<void> {
    const ended = blocks.atFlush()
    assert.strictEqual(outcomeText(await session.command({ lun, cdb: synchronizeCache })), "GOOD")
    blocks.flushed(ended)
  }
}

const logIn = async (port: number): Promise<Session> => {
  const until = performance.now() + loginMillis
  for (;;) {
    try {
      const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: diskTargetName })
      for (const lun of [1, 2]) await clearUnitAttentions(session, lun)
      return session
    } catch (error) {
      if (performance.now() > until) throw error
      await delay(20)
    }
  }
}

/** Fails with what the command has printed. */
const must = async (guest: LinuxGuest, command: string): Promise<string> => {
  const printed = await guest.run(`(${command}) && echo "done: 0"`)
  assert.match(printed, /done: 0$/u, `${command}\n${printed}`)
  return printed
}

/** Begins fio, which writes every block once and reads it back; slowly, so that the kills come while it writes. */
const beginFio = async (guest: LinuxGuest, port: number): Promise<void> => {
  const path = `/dev/disk/by-path/ip-127.0.0.1:${port}-iscsi-${diskTargetName}-lun-0`
  await must(guest, `iscsiadm -m discovery -t sendtargets -p 127.0.0.1:${port}`)
  await must(guest, `iscsiadm -m node -T ${diskTargetName} -p 127.0.0.1:${port} --login`)
  await must(guest, `for i in $(seq 300); do [ -b ${path} ] && break; sleep 0.1; done; [ -b ${path} ]`)
  const options = [
    ...[
      "--name=killed",
      `--filename=$(readlink -f ${path})`,
      `--size=${fioBytes}`,
      `--bs=${fioBlockBytes}`,
      "--rw=randwrite"
    ],
    ...["--ioengine=libaio", "--direct=1", "--iodepth=16", "--fsync=64", "--rate_iops=300"],
    ...["--verify=crc32c", "--verify_fatal=1", "--do_verify=1", "--minimal"]
  ]
  await must(guest, `(fio ${options.join(" ")} > /tmp/fio.out 2>&1; echo "status $?" >> /tmp/fio.end) &`)
}

const endFio = async (guest: LinuxGuest): Promise<void> => {
  const ended = await guest.run(
    "for i in $(seq 1200); do [ -e /tmp/fio.end ] && break; sleep 0.1; done; cat /tmp/fio.end"
  )
  assert.strictEqual(ended, "status 0", await guest.run("cat /tmp/fio.out; dmesg | tail -n 30"))
}

/** Every block has the header that fio has written into it: its magic number, length and place (verify.h of fio). */
const checkFioBlocks = (file: string): void => {
  const descriptor = openSync(file, "r")
  const block = Buffer.alloc(fioBlockBytes)
  for (let at = 0; at < fioBytes; at += fioBlockBytes) {
    readSync(descriptor, block, 0, fioBlockBytes, at)
    const header = [block.readUInt16LE(0), block.readUInt32LE(4), block.readBigUInt64LE(16)]
    assert.deepStrictEqual(header, [0xacca, fioBlockBytes, BigInt(at)])
  }
  closeSync(descriptor)
}

const disksIn = (directory: string): { readonly calls: ReadonlyArray<DiskCall>; readonly fioFile: string } => {
  const fileOf = (name: string, bytes: number): string => {
    const file = join(directory, `${name}.img`)
    writeFileSync(file, "")
    truncateSync(file, bytes)
    return file
  }
  const fioFile = fileOf("fio", fioBytes)
  const stamped = fileOf("stamped", stampedCount * 512)
  const kept = { name: "Kept", num_blocks: stampedCount, block_size: 512, file: join(directory, "kept.img") }
  const calls: ReadonlyArray<DiskCall> = [
    ["bdev_aio_create", { name: "Fio", filename: fioFile, block_size: 512 }],
    ["bdev_aio_create", { name: "Stamped", filename: stamped, block_size: 512 }],
    ["bdev_malloc_create", kept]
  ]
  return { calls, fioFile }
}

const check = (disks: ReadonlyArray<StampedDisk>, seed: number, round: number): void => {
  for (const { blocks, file, lun } of disks) {
    const content = readFileSync(file)
    assert.isUndefined(blocks.problemOf(content), `LUN ${lun}, kill ${round} of seed ${seed}`)
    blocks.startFrom(content)
  }
}

/** Checks after every kill, before the target is started again, and at the end. */
export const killRounds = async ({ guestSeconds, kills, seed, writesBetween }: KillRounds): Promise<void> => {
  const [directory, port, random] = [makeDirectory("kills"), await freePort(), makeRandom(seed)]
  const { calls, fioFile } = disksIn(directory)
  const disks = [
    { lun: 1, file: join(directory, "stamped.img"), answersPromise: true },
    { lun: 2, file: join(directory, "kept.img"), answersPromise: false }
  ].map((disk) => ({ ...disk, blocks: new PromisedBlocks(stampedCount) }))
  let target: TargetProcess = await startTarget({ directory, stateMode: "empty" })
  let guest: LinuxGuest | undefined
  try {
    await setUpDisks(target.rpc, port, calls)
    if (guestSeconds !== undefined) {
      guest = await startLinuxGuest(guestSeconds)
      await beginFio(guest, port)
    }
    const writer = new Writer(random, disks)
    for (let round = 1; round <= kills; round++) {
      const session = await logIn(port)
      const enough = writer.answered + random.between(1, 2 * writesBetween)
      let isOver = false
      const writing = writer.run(session).then(
        () => undefined,
        (error: unknown) => error
      )
      void writing.then(() => {
        isOver = true
      })
      while (writer.answered < enough && !isOver) await delay(1)
      await target.kill()
      assert.isUndefined(await writing)
      check(disks, seed, round)
      target = await startTarget({ directory, stateMode: "resume" })
    }
    if (guest !== undefined) {
      await endFio(guest)
      checkFioBlocks(fioFile)
    }
    await target.stop()
    check(disks, seed, kills + 1)
  } finally {
    await target.kill()
    await guest?.[Symbol.asyncDispose]()
    removeDirectory(directory)
  }
}
