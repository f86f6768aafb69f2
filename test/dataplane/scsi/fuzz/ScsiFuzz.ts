/**
 * Random commands at real units: RAM disks, one shown through a delay, one removable, one that nobody may write to, for
 * two initiators, many at a time, some of them aborted. Every command must end, with a status and sense data that there
 * are, and leave nothing.
 */
import { assert } from "vitest"
import type { Bdev } from "../../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { DelayBdev } from "../../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import type { LogicalUnit } from "../../../../src/dataplane/scsi/LogicalUnit.ts"
import type { Nexus } from "../../../../src/dataplane/scsi/Nexus.ts"
import type { ReservationsView } from "../../../../src/dataplane/scsi/reservations/ReservationsView.ts"
import { parameterRoomMax } from "../../../../src/dataplane/scsi/ScsiTask.ts"
import { SenseCode, senseCodeName } from "../../../../src/dataplane/scsi/sense-codes.ts"
import { makeRandom, type Random } from "../../../support/initiator/random.ts"
import { Disks, type Ended } from "../scsi-disks.ts"
import { type CommandInput, readCorpus } from "./corpus.ts"

const statuses = [0x00, 0x02, 0x04, 0x08, 0x18, 0x28, 0x40]
const blockCount = 2048
/** Commands that are under way together. */
const commandsPerRound = 16
/** What an initiator sends at most, in bytes: more is only more of the same. */
const dataBytesMax = 16 * 1024

const ramDisk = (removable: boolean): MallocBdev =>
  new MallocBdev({
    _tag: "Malloc",
    blockCount,
    blockSize: 512,
    physicalBlockSize: 0,
    optimalIoBoundary: 0,
    ...(removable ? { removable: true } : {})
  })

const delayed = (base: Bdev): Bdev =>
  new DelayBdev({ averageReadMicros: 1, p99ReadMicros: 1, averageWriteMicros: 1, p99WriteMicros: 1 }, base, () => 1)

const edges = [
  0,
  1,
  7,
  8,
  16,
  255,
  256,
  blockCount - 1,
  blockCount,
  0xffff,
  0x7fffffff,
  0x80000000,
  0xffffffff
] as const

/** A wrong copy of some bytes: flipped bits, a field at an edge, or nothing. */
const mutated = (random: Random, original: Buffer): Buffer => {
  const bytes = Buffer.from(original)
  if (bytes.length === 0 || random.chance(0.3)) return bytes
  if (random.chance(0.5)) {
    for (let count = random.between(1, 4); count > 0; count--) {
      const at = random.below(bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
    }
    return bytes
  }
  const width = Math.min(random.pick([1, 2, 4]), bytes.length)
  const value = random.pick([...edges]) % 2 ** (8 * width)
  bytes.writeUIntBE(value, random.below(bytes.length - width + 1), width)
  return bytes
}

const filler = (random: Random, length: number): Buffer => Buffer.alloc(length, random.bytes(4))

const resized = (random: Random, data: Buffer): Buffer => {
  const length = random.below(random.pick([8, 100, dataBytesMax]) + 1)
  return Buffer.concat([data.subarray(0, length), filler(random, Math.max(0, length - data.length))])
}

/** Nearly always made of a command that there is. */
const inputOf = (random: Random, corpus: ReadonlyArray<CommandInput>): CommandInput => {
  if (random.chance(0.1)) return { cdb: random.bytes(16), data: random.bytes(random.below(64)) }
  const seed = corpus[random.below(corpus.length)] ?? { cdb: Buffer.alloc(6), data: Buffer.alloc(0) }
  const data = mutated(random, seed.data.length > 0 ? seed.data : filler(random, 512 * random.below(9)))
  return { cdb: mutated(random, seed.cdb), data: random.chance(0.1) ? resized(random, data) : data }
}

const describeInput = ({ cdb, data }: CommandInput): string =>
  `${cdb.toString("hex")} ${data.subarray(0, 256).toString("hex")}`

const checkEnded = (ended: Ended, input: CommandInput): void => {
  const what = `${describeInput(input)}: ${ended.result}`
  assert.include(statuses, ended.status, what)
  assert.isAtMost(ended.data.length, Math.max(parameterRoomMax, blockCount * 512), what)
  if (ended.status !== 0x02) return
  const code = ended.sense.readUInt16BE(12)
  assert.strictEqual((ended.sense[0] ?? 0) & 0x7f, 0x70, what)
  assert.isTrue(code === SenseCode.none || !senseCodeName(code).startsWith("additional sense"), `${what} has a name`)
  const pointer = ended.sense[15] ?? 0
  if (ended.sense[2] === 0x05 && (pointer & 0x80) !== 0) {
    const room = (pointer & 0x40) !== 0 ? 16 : dataBytesMax
    assert.isBelow(ended.sense.readUInt16BE(16), room, `${what} points into what was sent`)
  }
}

/** The units, the initiators, and what the log would decide for them. */
class Fuzzed {
  readonly random: Random
  readonly disks = new Disks(ramDisk(false), delayed(ramDisk(false)), ramDisk(true), ramDisk(false))
  readonly others: ReadonlyArray<Nexus>
  readonly corpus = readCorpus()
  /** Commands that have succeeded. */
  succeeded = 0

  constructor(seed: number) {
    this.random = makeRandom(seed)
    this.others = this.disks.units.map((unit) => this.disks.attach(unit))
    for (const unit of this.disks.units) {
      unit.askReservations = (_unit, nexus, _request, done) => {
        this.#reserve(unit, nexus)
        setImmediate(() =>
          done(this.random.pick(["done", "conflict", "invalid-release", "busy", "gone", "unavailable"]))
        )
      }
    }
    this.disks.nexus(3).readOnly = true
  }

  #reserve(unit: LogicalUnit, nexus: Nexus): void {
    const { random } = this
    const view: ReservationsView = {
      generation: random.below(10),
      persistent: random.chance(0.5),
      registrations: random.chance(0.5) ? [{ ...nexus.registrant, key: "1122334455667788" }] : [],
      ...(random.chance(0.2)
        ? { reservation: { type: random.pick([1, 3, 5, 6, 7, 8]), holder: nexus.registrant } }
        : {})
    }
    unit.reservations.put(view)
  }

  /** Some commands at once, up to their ends. */
  async round(): Promise<void> {
    const { disks, random } = this
    const commands = Array.from({ length: commandsPerRound }, () => {
      const input = inputOf(random, this.corpus)
      const lun = random.below(disks.units.length)
      const command = disks.start(lun, input.cdb, input.data, random.chance(0.3) ? this.others[lun] : disks.nexus(lun))
      return { command, input }
    })
    for (const { command } of commands) if (random.chance(0.05)) command.abort()
    for (const { command, input } of commands) {
      const ended = await inTime(command.ended, input)
      checkEnded(ended, input)
      if (ended.status === 0x00) this.succeeded++
    }
  }

  /** What rounds have left is put right: the next ones find units that do commands. */
  async restore(): Promise<void> {
    for (const [lun, unit] of this.disks.units.entries()) {
      while (unit.obstacles.length > 0) await new Promise((resolve) => setImmediate(resolve))
      unit.load()
      unit.reservations.put({ generation: 0, persistent: false, registrations: [] })
      unit.reset(SenseCode.busDeviceResetFunctionOccurred)
      for (const nexus of [this.disks.nexus(lun), this.others[lun]]) while (nexus?.hasUnitAttention) nexus.take(true)
      assert.isTrue(unit.taskSet.open, "nothing waits, and nothing is locked")
      assert.strictEqual(unit.nexusCount, 2)
    }
    assert.strictEqual(this.disks.uses, 0, "no LUN is in use")
  }
}

const patienceMillis = 30_000

const inTime = async (ended: Promise<Ended>, input: CommandInput): Promise<Ended> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`has not ended: ${describeInput(input)}`)), patienceMillis)
  })
  return Promise.race([ended, late]).finally(() => clearTimeout(timer))
}

/** Sends about `count` commands; how many of them succeeded. */
export const fuzzCommands = async (seed: number, count: number): Promise<number> => {
  const fuzzed = new Fuzzed(seed)
  for (let sent = 0; sent < count; sent += commandsPerRound) {
    await fuzzed.round()
    if (fuzzed.random.chance(0.2)) await fuzzed.restore()
  }
  await fuzzed.restore()
  return fuzzed.succeeded
}
