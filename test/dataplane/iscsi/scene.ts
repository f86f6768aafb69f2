/**
 * Two initiators with disks that are stacked, limited, late and hung, while limits, LUNs and connections come and go in
 * any order; and what must hold when everything has ended. Timers are to be fake.
 */
import { assert, vi } from "vitest"
import type { BdevSpec } from "../../../src/dataplane/bdev/BdevSpec.ts"
import type { Fault } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { LunMapping, type Target } from "../../../src/dataplane/iscsi/Target.ts"
import { MemoryBudget } from "../../../src/dataplane/MemoryBudget.ts"
import { drainLun } from "../../../src/dataplane/reactor/drain-lun.ts"
import { ReactorBdevs } from "../../../src/dataplane/reactor/ReactorBdevs.ts"
import type { LogicalUnit } from "../../../src/dataplane/scsi/LogicalUnit.ts"
import { Opcode, type Pdu, reservedTag } from "../../support/initiator/pdu.ts"
import { makeRandom } from "../../support/initiator/random.ts"
import type { KeyList } from "../../support/initiator/text-keys.ts"
import { addTarget, cdb10, loggedIn, read10, statusOf, TestNode, type TestPeer, turn, write10 } from "./fixture.ts"

/** Blocks that are written one by one, by whatever LUN; behind them there are some for other commands. */
export const blockCount = 40
const base = { name: "base", incarnation: 1 }
const latencies = { averageReadMicros: 3000, p99ReadMicros: 9000, averageWriteMicros: 3000, p99WriteMicros: 9000 }
const malloc = {
  _tag: "Malloc",
  blockCount: blockCount + 20,
  blockSize: 512,
  physicalBlockSize: 0,
  optimalIoBoundary: 0
} as const
/** Each is stacked on the one before. */
const stack: ReadonlyArray<BdevSpec> = [malloc, { _tag: "Error", base }, { _tag: "Delay", base, ...latencies }]
/** Two units have two LUNs. */
export const lunCount = 5
export const unitIndexOf = (lun: number): number => lun % stack.length

/** Writes to one block, since the last that was answered with GOOD. */
interface BlockStory {
  busy: boolean
  possible: Set<number>
}

/** A command that is not answered yet. */
export interface Sent {
  readonly peer: TestPeer
  readonly tag: number
  readonly lun: number
  /** Of a write of one block. */
  readonly block?: number
  readonly fill: number
  /** What R2Ts may ask for. */
  readonly data: Buffer
  /** Told of its status, or of how else it has ended; and what was read. */
  readonly ended?: (status: string, data: Buffer) => void
}

/** An R2T that has not been answered with all its data. */
interface Asked {
  readonly sent: Sent
  readonly transferTag: number
  isHalfGiven: boolean
}

/** The disks, the initiators, and what they have under way. */
export class Scene {
  readonly node = new TestNode()
  readonly bdevs = new ReactorBdevs(() => {}, MemoryBudget.sized(Number.POSITIVE_INFINITY).account("disks"))
  readonly units: ReadonlyArray<LogicalUnit>
  readonly target: Target
  readonly peers: Array<TestPeer> = []
  readonly mappings: Array<LunMapping> = []
  readonly sent: Array<Sent> = []
  readonly asked: Array<Asked> = []
  readonly stories: ReadonlyArray<BlockStory>
  readonly random
  #incarnation = 1
  #fill = 0

  constructor(seed: number) {
    this.random = makeRandom(seed)
    stack.forEach((spec, index) => {
      const name = `bdev${index}`
      const on = index === 0 ? undefined : index - 1
      this.bdevs.handle({ _tag: "OpenBdev", request: 1, bdev: index, definition: { name, spec }, base: on })
      const uuid = `00000000-0000-4000-8000-00000000000${index}`
      this.bdevs.handle({ _tag: "NameBdev", bdev: index, name, uuid, contentLost: false, identityStyle: "uuid" })
    })
    this.units = [...this.bdevs.units.values()]
    this.target = addTarget(this.node, {})
    for (let lun = 0; lun < lunCount; lun++) this.map(lun)
    for (let at = 0; at < 2; at++) this.logIn(at)
    this.stories = Array.from({ length: blockCount }, () => ({ busy: false, possible: new Set([0]) }))
  }

  map(lun: number): void {
    const unit = this.units[unitIndexOf(lun)]
    assert(unit !== undefined)
    const mapping = new LunMapping(lun, this.#incarnation++, unit)
    this.target.luns[lun] = mapping
    this.mappings.push(mapping)
  }

  logIn(at: number): void {
    // Data of the second one's writes waits for R2Ts.
    const keys: KeyList = [["ImmediateData", at === 0 ? "Yes" : "No"]]
    this.peers[at] = loggedIn(this.node, { isid: `80000000000${at}`, keys }, [0, 1, 2, 3, 4])
  }

  peer(): TestPeer {
    return this.random.pick([this.peers[0] as TestPeer, this.peers[1] as TestPeer])
  }

  field(lun: number) {
    return { lun: BigInt(lun) << 48n }
  }

  lun(): number {
    return this.random.below(lunCount)
  }

  /** Nearly always SIMPLE; now and then ORDERED, HEAD OF QUEUE or untagged. */
  attribute(): number {
    return this.random.chance(0.1) ? this.random.pick([0, 2, 3]) : 1
  }

  write(): void {
    const peer = this.peer()
    const lun = this.lun()
    const block = this.random.below(blockCount)
    const story = this.stories[block]
    if (story === undefined || story.busy) return
    story.busy = true
    this.#fill = (this.#fill % 250) + 1
    const fill = this.#fill
    const tag = peer.nextTag()
    this.start({ peer, tag, lun, block, fill, data: Buffer.alloc(512, fill) }, write10(block, 1))
  }

  /** Sends a command with data, or lets R2Ts ask for it. */
  start(sent: Sent, cdb: Buffer, readBytes = 0): void {
    const { data, lun, peer, tag } = sent
    this.sent.push(sent)
    const immediate = peer === this.peers[0] ? data : undefined
    const flags = (data.length > 0 ? 0xa0 : readBytes > 0 ? 0xc0 : 0x80) | this.attribute()
    peer.command(flags, cdb, data.length || readBytes, immediate, { ...this.field(lun), initiatorTaskTag: tag })
  }

  other(cdb: Buffer, bytes: number): void {
    const peer = this.peer()
    this.start({ peer, tag: peer.nextTag(), lun: this.lun(), fill: 0, data: Buffer.alloc(0) }, cdb, bytes)
  }

  /** The write may have landed, or may still; then nothing else is known. */
  end(sent: Sent, status: string, data: Buffer = Buffer.alloc(0)): void {
    this.sent.splice(this.sent.indexOf(sent), 1)
    sent.ended?.(status, data)
    const story = sent.block === undefined ? undefined : this.stories[sent.block]
    if (story === undefined) return
    story.busy = false
    if (status === "GOOD") story.possible.clear()
    if (status !== "status 8" && status !== "status 28") story.possible.add(sent.fill)
  }

  collect(): void {
    for (const peer of this.peers) for (const pdu of peer.received()) this.answered(peer, pdu)
  }

  answered(peer: TestPeer, pdu: Pdu): void {
    if (pdu.opcode === Opcode.taskManagementResponse) return
    const sent = this.sent.find((one) => one.peer === peer && one.tag === pdu.initiatorTaskTag)
    if (pdu.opcode === Opcode.readyToTransfer) {
      if (sent !== undefined) this.asked.push({ sent, transferTag: pdu.targetTransferTag, isHalfGiven: false })
      return
    }
    assert(sent !== undefined, `an answer to ${pdu.initiatorTaskTag}, which is not waited for`)
    this.end(sent, statusOf(pdu), pdu.data)
  }

  /** Half of what an R2T asks for, also for a command that has been aborted meanwhile. */
  give(): void {
    const at = this.random.below(this.asked.length)
    const asked = this.asked[at]
    if (asked === undefined) return
    const { isHalfGiven, sent, transferTag } = asked
    const fields = { word20: transferTag, flags: isHalfGiven ? 0x80 : 0, word36: isHalfGiven ? 1 : 0 }
    const half = sent.data.length / 2
    const data = isHalfGiven ? sent.data.subarray(half) : sent.data.subarray(0, half)
    sent.peer.dataOut(sent.tag, data, isHalfGiven ? half : 0, fields)
    if (isHalfGiven) this.asked.splice(at, 1)
    asked.isHalfGiven = true
  }

  /** After everything that is answered by now has been seen. */
  async settle(): Promise<void> {
    await turn()
    this.collect()
  }

  async manage(flags: number, lun: number, referenced = reservedTag, peer = this.peer()): Promise<void> {
    await this.settle()
    const ends = (one: Sent): boolean =>
      flags === 0x85
        ? unitIndexOf(one.lun) === unitIndexOf(lun)
        : one.peer === peer && (flags === 0x81 ? one.tag === referenced : one.lun === lun)
    if (this.target.luns[lun]?.active) for (const one of this.sent.filter(ends)) this.end(one, "aborted")
    const header = { opcode: Opcode.taskManagement, immediate: true, flags, initiatorTaskTag: peer.nextTag() }
    peer.send({ ...header, ...this.field(lun), cmdSn: peer.cmdSn, word20: referenced })
  }

  async cut(): Promise<void> {
    await this.settle()
    const at = this.random.below(this.peers.length)
    const peer = this.peers[at]
    for (const one of this.sent.filter((sent) => sent.peer === peer)) this.end(one, "lost")
    peer?.connection.close("cut")
    this.logIn(at)
  }

  limit(): void {
    const some = { readWriteIos: 1000, readWriteBytes: 0, readBytes: 0, writeBytes: this.random.pick([0, 65_536]) }
    const limits = this.random.chance(0.4) ? undefined : some
    this.bdevs.handle({ _tag: "SetRateLimits", bdev: unitIndexOf(this.lun()), limits })
  }

  fault(): void {
    const ioType = this.random.pick<Fault["ioType"]>(["read", "write", "flush", "clear"])
    const errorType = this.random.pick<Fault["errorType"]>(["pending", "failure", "nomem"])
    const fault: Fault = { ioType, errorType, count: 2, queueDepth: 0, corruptOffset: 0, corruptValue: 1 }
    this.bdevs.handle({ _tag: "InjectFault", bdev: 1, fault })
  }

  drain(): void {
    const lun = this.lun()
    const mapping = this.target.luns[lun]
    if (mapping === undefined || !mapping.active) return
    drainLun(
      this.target,
      mapping,
      20,
      () => this.node.now(),
      () => {
        this.target.luns[lun] = undefined
        this.map(lun)
      }
    )
    this.bdevs.limits.release(mapping.unit.bdev)
  }

  async step(): Promise<void> {
    const kind = this.random.below(100)
    if (kind < 30) this.write()
    else if (kind < 40) this.give()
    else if (kind < 50) this.other(read10(this.random.below(blockCount - 1), 2), 1024)
    else if (kind < 55) this.other(cdb10(0x35, 0, 0), 0)
    else if (kind < 63) await this.abort()
    else if (kind < 66) await this.manage(this.random.pick([0x82, 0x85]), this.lun())
    else if (kind < 68) await this.cut()
    else if (kind < 76) this.limit()
    else if (kind < 80) this.fault()
    else if (kind < 83) this.bdevs.handle({ _tag: "ResumePending", bdev: 1 })
    else if (kind < 85) this.drain()
    else vi.advanceTimersByTime(this.random.below(30))
  }

  async abort(): Promise<void> {
    const one = this.sent[this.random.below(this.sent.length)]
    if (one !== undefined) await this.manage(0x81, one.lun, one.tag, one.peer)
  }

  async finish(): Promise<void> {
    await this.settle()
    while (this.asked.length > 0) this.give()
    const fault = { errorType: "failure", count: 0, queueDepth: 0, corruptOffset: 0, corruptValue: 0 } as const
    this.bdevs.handle({ _tag: "InjectFault", bdev: 1, fault: { ioType: "clear", ...fault } })
    for (const bdev of stack.keys()) this.bdevs.handle({ _tag: "SetRateLimits", bdev, limits: undefined })
    this.bdevs.handle({ _tag: "ResumePending", bdev: 1 })
    // One may wait for its turn until another is back, and another for that one.
    for (let round = 0; round < 20 && (round < 1 || this.sent.length > 0); round++) {
      vi.advanceTimersByTime(60_000)
      await this.settle()
    }
  }
}

const check = (scene: Scene): void => {
  assert.deepStrictEqual(scene.sent, [], "every command is answered")
  assert.deepStrictEqual(
    scene.node.told.filter((line) => line.startsWith("internal")),
    []
  )
  for (const mapping of scene.mappings) {
    assert.deepInclude({ bytes: mapping.bufferBytes, left: mapping.submitted.size }, { bytes: 0, left: 0 })
  }
  for (const unit of scene.units) {
    assert.deepInclude({ late: unit.taskSet.lateWrites.size, left: unit.statistics.inFlight }, { late: 0, left: 0 })
    assert.deepInclude({ idle: unit.order.idle, open: unit.taskSet.open }, { idle: true, open: true })
  }
  assert.strictEqual(scene.node.tasks.bufferBytes, 0)
  const tasks = Array.from({ length: 100 }, () => scene.node.tasks.take())
  assert.strictEqual(new Set(tasks).size, tasks.length, "no task was given back twice")
  assert.strictEqual(scene.node.sessions.size, scene.peers.length)
  for (const { commandsInFlight, connections } of scene.node.sessions.values()) {
    const left = [...connections].map(({ commands }) => commands?.tasks.size)
    assert.deepStrictEqual({ window: commandsInFlight, left }, { window: 0, left: [0] })
  }
  const memory = scene.units[0]?.bdev.memory
  assert(memory !== undefined)
  scene.stories.forEach(({ possible }, block) => {
    const content = memory.subarray(block * 512, (block + 1) * 512)
    assert.isTrue(possible.has(content[0] ?? 0), `block ${block} has what is no write's`)
    assert.isTrue(content.equals(Buffer.alloc(512, content[0])), `block ${block} is half of one write`)
  })
}

/** Plays a scene with fake timers, and checks what is left. */
export const play = async (scene: Scene, steps: number): Promise<void> => {
  for (let step = 0; step < steps; step++) {
    await scene.step()
    if (step % 7 === 0) await scene.settle()
  }
  await scene.finish()
  check(scene)
}
