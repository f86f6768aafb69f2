/**
 * What the data path costs without a kernel: bytes in, bytes out, on a RAM disk, by a connection whose socket takes
 * everything and does nothing. Each chunk of input has so many commands; all numbers are per command. Times are the
 * best of many short windows, which other work on the machine hardly changes. `copy` is one copy of the data, from or
 * to the same places of the disk: without the kernel there is no less.
 *
 *   npm run bench -- path [--seconds=1] [--rounds=3] [--disk-mib=16] [--only=NAME,NAME]
 */
import { Socket } from "node:net"
import { getHeapStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Connection } from "../../src/dataplane/iscsi/Connection.ts"
import { receiveBufferBytes } from "../../src/dataplane/limits.ts"
import { addTarget, encodeWhole, ramDisk, read10, TestNode, TestPeer, write10 } from "../dataplane/iscsi/fixture.ts"
import { makeHeader, Opcode } from "../support/initiator/pdu.ts"
import { type BenchContext, type Benchmark, roundOptions, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import { inTurns, rowOf } from "./support/samples.ts"

const blockBytes = 512

/** Runs on the real clock, as the reactor does. */
class RunningNode extends TestNode {
  override now(): number {
    return performance.now()
  }
}

/** Takes everything at once. */
class TakingSocket extends Socket {
  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done()
  }
  override _writev(_chunks: Array<{ chunk: Buffer; encoding: BufferEncoding }>, done: () => void): void {
    done()
  }
}

interface Workload {
  readonly name: string
  readonly title: string
  readonly write: boolean
  readonly bytes: number
  /** Commands in one chunk. */
  readonly depth: number
}

const workload = (kind: "read" | "write", size: string, bytes: number, depth: number): Workload => ({
  name: `${kind}-${size.replaceAll(/[ iB]/g, "").toLowerCase()}-x${depth}`,
  title: `${size} ${kind}, ${depth} in a chunk`,
  write: kind === "write",
  bytes,
  depth
})

const workloads: ReadonlyArray<Workload> = [
  ...[1, 4, 32].map((depth) => workload("read", "4 KiB", 4096, depth)),
  ...[1, 4, 32].map((depth) => workload("write", "4 KiB", 4096, depth)),
  ...[1, 8].map((depth) => workload("read", "128 KiB", 131_072, depth)),
  { ...workload("write", "1 MiB", 1_048_576, 1), title: "1 MiB write, in chunks of 256 KiB" }
]

/** A connection in full feature phase with a RAM disk at LUN 0. */
const connect = (diskBytes: number): { readonly connection: Connection; readonly cmdSn: number } => {
  const node = new RunningNode({ firstBurstLength: 8192 })
  // All is one turn of the event loop here, and nobody else has to have one.
  node.turns.workBytesMax = Number.POSITIVE_INFINITY
  addTarget(node, { 0: ramDisk(diskBytes / blockBytes, blockBytes) }, { queueDepth: 128 })
  const peer = new TestPeer(node)
  const socket = new TakingSocket({ writableHighWaterMark: 1 } as object)
  const connection = new Connection(node, socket, peer.connection.origin)
  // Logs in as the peer does, but over the socket that keeps nothing.
  const bytes = (b: Buffer): void => connection.receive(b, b.length)
  peer.bytes = bytes
  peer.sendLogin(0x87, [
    ["InitiatorName", "iqn.2024-01.test.lunlog:initiator"],
    ["SessionType", "Normal"],
    ["TargetName", "iqn.2016-06.io.spdk:disk1"],
    ["InitialR2T", "No"],
    ["FirstBurstLength", "8192"],
    ["MaxBurstLength", "1048576"],
    ["MaxRecvDataSegmentLength", "262144"]
  ])
  bytes(peer.commandBytes(0x81, Buffer.alloc(6), 0))
  if (connection.state !== "full-feature") throw new Error(`the login ended in state ${connection.state}`)
  return { connection, cmdSn: peer.cmdSn }
}

/** A fresh command for each round: its tag and CmdSN, and another place of the disk. */
interface Slot {
  readonly at: number
  readonly isCommand: boolean
}

/** What the wire brings in one round, in chunks that fit the receive buffer, and where PDUs stand in the first. */
interface Script {
  readonly chunks: ReadonlyArray<Buffer>
  readonly slots: ReadonlyArray<Slot>
  /** Where target transfer tags of solicited data stand. */
  readonly solicited: ReadonlyArray<{ readonly chunk: Buffer; readonly at: number }>
}

const commandFields = (workload: Workload, tag: number) => ({
  opcode: Opcode.scsiCommand,
  flags: workload.write ? 0xa1 : 0xc1,
  initiatorTaskTag: tag,
  word20: workload.bytes
})

/** Small commands, with immediate data. */
const smallScript = (workload: Workload): Script => {
  const pdus: Array<Buffer> = []
  const slots: Array<Slot> = []
  let at = 0
  for (let index = 0; index < workload.depth; index++) {
    const data = Buffer.alloc(workload.write ? workload.bytes : 0, index + 1)
    const pdu = encodeWhole(commandFields(workload, index + 1), data)
    const cdb = (workload.write ? write10 : read10)(0, workload.bytes / blockBytes)
    cdb.copy(pdu, 32)
    pdus.push(pdu)
    slots.push({ at, isCommand: true })
    at += pdu.length
  }
  return { chunks: [Buffer.concat(pdus)], slots, solicited: [] }
}

/** One large write: the command, then what the R2T asks for, as the kernel hands it over. */
const largeScript = (workload: Workload): Script => {
  const command = makeHeader(commandFields(workload, 1))
  write10(0, workload.bytes / blockBytes).copy(command, 32)
  const segment = 262_144
  const pdus: Array<Buffer> = []
  for (let offset = 0; offset < workload.bytes; offset += segment) {
    const last = offset + segment === workload.bytes
    const fields = { opcode: Opcode.dataOut, flags: last ? 0x80 : 0, initiatorTaskTag: 1, word40: offset }
    pdus.push(encodeWhole({ ...fields, word36: offset / segment }, Buffer.alloc(segment, 1)))
  }
  const stream = Buffer.concat(pdus)
  const chunks: Array<Buffer> = [command]
  const solicited: Array<{ chunk: Buffer; at: number }> = []
  for (let at = 0; at < stream.length; at += receiveBufferBytes) {
    chunks.push(stream.subarray(at, at + receiveBufferBytes))
  }
  for (let at = 20; at < stream.length; at += segment + 48) solicited.push({ chunk: stream, at })
  return { chunks, slots: [{ at: 0, isCommand: true }], solicited }
}

/** Repeats the script; gives a function that does so many rounds. */
const player = (workload: Workload, diskBytes: number): ((rounds: number) => void) => {
  const { connection, cmdSn: first } = connect(diskBytes)
  const { chunks, slots, solicited } =
    workload.bytes > receiveBufferBytes ? largeScript(workload) : smallScript(workload)
  const [head] = chunks
  if (head === undefined) throw new Error("nothing to play")
  const places = diskBytes / workload.bytes
  const blocks = workload.bytes / blockBytes
  let cmdSn = first
  let place = 0
  let transferTag = 0
  return (rounds) => {
    const before = connection.commands?.commandCount ?? 0
    for (let round = 0; round < rounds; round++) {
      for (const { at } of slots) {
        head.writeUInt32BE(cmdSn, at + 24)
        cmdSn = (cmdSn + 1) >>> 0
        // A stride that is no divisor of the number of places comes to each of them.
        place = (place + 7919) % places
        head.writeUInt32BE(place * blocks, at + 34)
      }
      for (const { at, chunk } of solicited) chunk.writeUInt32BE(transferTag, at)
      if (solicited.length > 0) transferTag++
      for (const chunk of chunks) connection.receive(chunk, chunk.length)
    }
    const done = (connection.commands?.commandCount ?? 0) - before
    if (done !== rounds * slots.length || connection.commands?.tasks.size !== 0) {
      throw new Error(`${done} commands where ${rounds * slots.length} were sent`)
    }
  }
}

/** The same without lunlog: the data of so many rounds copied. */
const copier = (workload: Workload, diskBytes: number): ((rounds: number) => void) => {
  const disk = Buffer.allocUnsafeSlow(diskBytes).fill(1)
  const chunk = Buffer.allocUnsafeSlow(workload.depth * (workload.bytes + 48)).fill(1)
  let place = 0
  return (rounds) => {
    for (let round = 0; round < rounds; round++) {
      for (let index = 0; index < workload.depth; index++) {
        place = (place + 7919) % (diskBytes / workload.bytes)
        const at = index * (workload.bytes + 48) + 48
        const diskAt = place * workload.bytes
        if (workload.write) chunk.copy(disk, diskAt, at, at + workload.bytes)
        else disk.copy(chunk, at, diskAt, diskAt + workload.bytes)
      }
    }
  }
}

/** A window of about 3 ms: short enough that the best of them was not interrupted. */
const roundsOf = ({ bytes, depth }: Workload): number =>
  Math.max(1, Math.ceil(3_000_000 / (depth * (1000 + bytes / 4))))

/** Nanoseconds of one command. */
const nanosOf = (play: (rounds: number) => void, workload: Workload, millis: number): number => {
  const rounds = roundsOf(workload)
  const end = performance.now() + millis
  let best = Number.POSITIVE_INFINITY
  do {
    const start = performance.now()
    play(rounds)
    best = Math.min(best, performance.now() - start)
  } while (performance.now() < end)
  return (best * 1e6) / (rounds * workload.depth)
}

setFlagsFromString("--expose-gc")
const collectGarbage: () => void = runInNewContext("gc")

/** Bytes that one command leaves to the garbage collector. */
const garbageOf = (play: (rounds: number) => void, workload: Workload): number => {
  const rounds = Math.min(roundsOf(workload), Math.ceil(512 / workload.depth))
  let garbage = Number.POSITIVE_INFINITY
  for (let time = 0; time < 5; time++) {
    collectGarbage()
    const before = getHeapStatistics().used_heap_size
    play(rounds)
    garbage = Math.min(garbage, Math.max(0, getHeapStatistics().used_heap_size - before))
  }
  return garbage / (rounds * workload.depth)
}

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const diskBytes = context.number("disk-mib") * 1024 * 1024
  const millis = context.number("seconds") * 1000
  const names = context.text("only").split(",")
  const costs: Array<Row> = []
  const garbage: Array<Row> = []
  for (const each of workloads.filter(({ name }) => names.includes(name))) {
    context.progress(each.title)
    const lunlog = player(each, diskBytes)
    const plays = [
      { label: "lunlog", play: lunlog },
      { label: "copy", play: copier(each, diskBytes) }
    ]
    const samples = await inTurns(plays, context.number("rounds"), ({ play }) =>
      Promise.resolve(nanosOf(play, each, millis))
    )
    costs.push(rowOf(each, samples, [{ over: "lunlog", under: "copy", better: "less" }]))
    garbage.push(rowOf(each, { lunlog: [garbageOf(lunlog, each)] }))
  }
  return [
    {
      name: "cost",
      title: "Without a kernel",
      unit: "nanoseconds per command",
      contenders: ["lunlog", "copy"],
      rows: costs
    },
    { name: "garbage", title: "Garbage", unit: "bytes per command", contenders: ["lunlog"], rows: garbage }
  ]
}

/** See the head of this file. */
const pathBenchmark: Benchmark = {
  name: "path",
  about: "the data path without a kernel",
  options: {
    ...roundOptions("3", "1"),
    "disk-mib": { about: "size of the disk: a small one fits the caches", default: "16" },
    only: {
      about: "workloads, with commas between them",
      default: workloads.map(({ name }) => name).join(","),
      smoke: "read-4k-x32,write-4k-x4,write-1m-x1"
    }
  },
  run
}

if (import.meta.main) await runBenchmark(pathBenchmark)
