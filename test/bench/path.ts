/**
 * What the data path costs without a kernel: bytes in, bytes out, on a RAM disk, by a connection whose socket takes
 * everything and does nothing. Each chunk of input has so many commands; nanoseconds and bytes of garbage are per
 * command. The best of many short runs is shown, which other work on the machine hardly changes.
 *
 *   npm run bench -- path [--json] [--seconds=1] [--disk-mib=16] [--only=NAME,NAME]
 */
import { Socket } from "node:net"
import { parseArgs } from "node:util"
import { getHeapStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Connection } from "../../src/dataplane/iscsi/Connection.ts"
import { receiveBufferBytes } from "../../src/dataplane/limits.ts"
import { addTarget, encodeWhole, ramDisk, read10, TestNode, TestPeer, write10 } from "../dataplane/iscsi/fixture.ts"
import { makeHeader, Opcode } from "../support/initiator/pdu.ts"

const blockBytes = 512

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    seconds: { type: "string", default: "1" },
    "disk-mib": { type: "string", default: "16" },
    only: { type: "string" }
  }
})
const diskBytes = Number(values["disk-mib"]) * 1024 * 1024

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
  readonly write: boolean
  readonly bytes: number
  /** Commands in one chunk. */
  readonly depth: number
}

const workloads: ReadonlyArray<Workload> = [
  { name: "read-4k", write: false, bytes: 4096, depth: 1 },
  { name: "read-4k", write: false, bytes: 4096, depth: 4 },
  { name: "read-4k", write: false, bytes: 4096, depth: 32 },
  { name: "write-4k", write: true, bytes: 4096, depth: 1 },
  { name: "write-4k", write: true, bytes: 4096, depth: 4 },
  { name: "write-4k", write: true, bytes: 4096, depth: 32 },
  { name: "read-128k", write: false, bytes: 131_072, depth: 1 },
  { name: "read-128k", write: false, bytes: 131_072, depth: 8 },
  { name: "write-1m", write: true, bytes: 1_048_576, depth: 1 }
]

/** A connection in full feature phase with a RAM disk at LUN 0. */
const connect = (): { readonly connection: Connection; readonly cmdSn: number } => {
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

interface Cost {
  readonly nanos: number
  readonly garbageBytes: number
}

/** Repeats the script; gives a function that does so many rounds. */
const player = (workload: Workload): ((rounds: number) => void) => {
  const { connection, cmdSn: first } = connect()
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

setFlagsFromString("--expose-gc")
const collectGarbage: () => void = runInNewContext("gc")

const measure = (workload: Workload, millis: number): Cost => {
  const play = player(workload)
  // A window of about 3 ms: short enough that the best of them was not interrupted.
  const rounds = Math.max(1, Math.ceil(3_000_000 / (workload.depth * (1000 + workload.bytes / 4))))
  const end = performance.now() + millis
  let best = Number.POSITIVE_INFINITY
  while (performance.now() < end) {
    const start = performance.now()
    play(rounds)
    best = Math.min(best, performance.now() - start)
  }
  const commands = Math.min(rounds, Math.ceil(512 / workload.depth))
  let garbage = Number.POSITIVE_INFINITY
  for (let time = 0; time < 5; time++) {
    collectGarbage()
    const before = getHeapStatistics().used_heap_size
    play(commands)
    garbage = Math.min(garbage, getHeapStatistics().used_heap_size - before)
  }
  return {
    nanos: (best * 1e6) / (rounds * workload.depth),
    garbageBytes: garbage / (commands * workload.depth)
  }
}

const main = (): void => {
  const names = values.only?.split(",")
  const chosen = workloads.filter(({ name }) => names?.includes(name) ?? true)
  const rows = chosen.map((workload) => ({ ...workload, ...measure(workload, Number(values.seconds) * 1000) }))
  if (values.json) return console.log(JSON.stringify({ rows }, null, 2))
  console.log("workload   commands a chunk   ns per command   bytes of garbage per command")
  for (const { depth, garbageBytes, name, nanos } of rows) {
    const numbers = [depth.toFixed(0).padStart(16), nanos.toFixed(0).padStart(16), garbageBytes.toFixed(0).padStart(30)]
    console.log(name.padEnd(10), ...numbers)
  }
}

main()
