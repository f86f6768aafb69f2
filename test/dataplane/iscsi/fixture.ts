/**
 * A target node without a network: connections over sockets that only note what is written, a clock that stands still
 * until it is moved, and an initiator that speaks in the scripted initiator's PDUs.
 */
import { Socket } from "node:net"
import type { Bdev } from "../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { noAuthPolicy } from "../../../src/dataplane/iscsi/auth/AuthPolicy.ts"
import { Connection } from "../../../src/dataplane/iscsi/Connection.ts"
import { IscsiNode, type NodeOptions } from "../../../src/dataplane/iscsi/IscsiNode.ts"
import { LunMapping, Target, type TargetSpec } from "../../../src/dataplane/iscsi/Target.ts"
import { LogicalUnit } from "../../../src/dataplane/scsi/LogicalUnit.ts"
import { compileAccessList } from "../../../src/domain/access.ts"
import {
  type Digests,
  encodePdu,
  type HeaderFields,
  makeHeader,
  Opcode,
  Pdu,
  PduReader,
  reservedTag
} from "../../support/initiator/pdu.ts"
import { encodeKeys, type KeyList } from "../../support/initiator/text-keys.ts"

export const initiatorName = "iqn.2024-01.test.lunlog:initiator"
export const targetName = "iqn.2016-06.io.spdk:disk1"
/** Expected data of a task in blocks of this many bytes. */
export const blockBytes = 512

export const nodeOptions: NodeOptions = {
  maxSessions: 16,
  maxConnectionsPerSession: 1,
  firstBurstLength: 65_536,
  immediateData: true,
  defaultTime2Wait: 2,
  defaultTime2Retain: 20,
  nopTimeout: 10,
  nopInInterval: 5,
  allowDuplicateIsid: false,
  discoveryAuth: noAuthPolicy
}

/** A node whose clock is moved by hand, and that notes what its listener is told. */
export class TestNode extends IscsiNode {
  /** Milliseconds. */
  clock = 1_000_000
  readonly told: Array<string>

  constructor(options: Partial<NodeOptions> = {}) {
    const told: Array<string> = []
    super(
      { ...nodeOptions, ...options },
      {
        sessionOpened: (session) => told.push(`opened ${session.identity.initiatorName}`),
        sessionClosed: (_session, _connection, { reason }) => told.push(`closed: ${reason}`),
        discoveryClosed: (_connection, { reason }) => told.push(`discovery closed: ${reason}`),
        loginEnded: () => {},
        connectionRefused: () => {},
        tasksManaged: () => {},
        pduRejected: () => {},
        loginRefused: (_connection, status, reason) => told.push(`refused ${status.toString(16)}: ${reason}`),
        digestError: (_connection, digest, opcode) => told.push(`${digest} digest of opcode ${opcode}`),
        protocolError: (_connection, reason) => told.push(`protocol error: ${reason}`),
        internalError: (_connection, error) => told.push(`internal error: ${error}`)
      },
      // Its clock may stand still, and then no login would be forgotten.
      { loginsPerSecond: 1_000_000 }
    )
    this.told = told
    this.portalGroups.set(1, {
      tag: 1,
      private: false,
      auth: noAuthPolicy,
      portals: [{ host: "127.0.0.1", port: 3260 }]
    })
    this.initiatorGroups.set(1, compileAccessList({ initiators: ["ANY"], netmasks: ["ANY"] }))
  }

  override now(): number {
    return this.clock
  }

  /** Lets time pass, and looks over every connection as the reactor does. */
  pass(millis: number): void {
    this.clock += millis
    for (const connection of this.connections) connection.housekeeping(this.clock)
  }
}

export const targetSpec = (changes: Partial<TargetSpec> = {}): TargetSpec => ({
  name: targetName,
  incarnation: 1,
  alias: "",
  queueDepth: 32,
  auth: noAuthPolicy,
  headerDigest: false,
  dataDigest: false,
  deleting: false,
  keepsHistogram: false,
  ports: [{ portalGroupTag: 1, relativePortId: 1, maps: [{ initiatorGroup: 1, readOnly: false }] }],
  ...changes
})

/** A RAM disk. */
export const ramDisk = (blockCount = 2048, blockSize = blockBytes): MallocBdev =>
  new MallocBdev({ _tag: "Malloc", blockCount, blockSize, physicalBlockSize: 0, optimalIoBoundary: 0 })

/** A disk whose IOs stay out until `resumePending`. */
export const hangingDisk = (): ErrorBdev => {
  const bdev = new ErrorBdev(ramDisk())
  bdev.inject({ ioType: "all", errorType: "pending", count: 1000, queueDepth: 0, corruptOffset: 0, corruptValue: 0 })
  return bdev
}

/** The LUN field of a header, for a LUN below 256. */
export const lunField = (lun: number): { readonly lun: bigint } => ({ lun: BigInt(lun) << 48n })

/** The end of this turn of the event loop, when late answers are flushed. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A unit over `bdev`, with its content. */
export const unitOf = (bdev: Bdev): LogicalUnit =>
  new LogicalUnit(bdev, {
    name: "Malloc0",
    uuid: "2f7b6f0e-9a5c-4a63-8d0e-0123456789ab",
    contentLost: false,
    identityStyle: "uuid"
  })

/** Makes a target known to the node. */
export const addTarget = (node: IscsiNode, luns: Readonly<Record<number, Bdev>>, changes: Partial<TargetSpec> = {}) => {
  const target = new Target(targetSpec(changes))
  node.targets.set(target.spec.name.toLowerCase(), target)
  for (const [lun, bdev] of Object.entries(luns)) {
    target.luns[Number(lun)] = new LunMapping(Number(lun), Number(lun) + 1, unitOf(bdev))
  }
  return target
}

/** A socket that notes what is written. While `slow`, nothing leaves it, as when the peer does not read. */
export class TestSocket extends Socket {
  readonly sent: Array<Buffer> = []
  /** Socket writes: what the kernel would have been called for. */
  writes = 0
  slow = false
  #waiting: { readonly chunks: ReadonlyArray<Buffer>; readonly done: () => void } | undefined

  constructor() {
    // As the target's own sockets: every write that does not leave at once leads to a `drain`.
    const options: object = { writableHighWaterMark: 1 }
    super(options)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#take([chunk], done)
  }

  override _writev(chunks: Array<{ chunk: Buffer; encoding: BufferEncoding }>, done: () => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done
    )
  }

  /** The peer reads again. */
  release(): void {
    this.slow = false
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) this.#take(waiting.chunks, waiting.done)
  }

  #take(chunks: ReadonlyArray<Buffer>, done: () => void): void {
    if (this.slow) {
      this.#waiting = { chunks, done }
      return
    }
    this.writes++
    // Copied, as the kernel does: the buffer is reused.
    for (const chunk of chunks) this.sent.push(Buffer.from(chunk))
    done()
  }
}

/** How a peer logs in. */
export interface PeerLogin {
  readonly keys?: KeyList
  readonly target?: string
  readonly isid?: string
  readonly tsih?: number
  readonly cid?: number
  readonly name?: string
  readonly versionMin?: number
}

/** One connection to a node, from the initiator's side. */
export class TestPeer {
  readonly socket = new TestSocket()
  readonly connection: Connection
  cmdSn = 1
  #lastTag = 0x100
  readonly #reader = new PduReader()
  #read = 0

  constructor(node: IscsiNode, portalGroupTag = 1, targetAddress = "127.0.0.1", initiatorAddress = "127.0.0.1") {
    const addresses = { initiatorAddress, initiatorPort: 40_000, targetAddress }
    this.connection = new Connection(node, this.socket, { portalGroupTag, ...addresses, targetPort: 3260 })
  }

  /** Bytes arrive, in one chunk. */
  bytes(bytes: Buffer): void {
    this.connection.receive(bytes, bytes.length)
  }

  /** What this side sends and expects from now on: to be set once a login has agreed on it. */
  get digests(): Digests {
    return this.#reader.digests
  }
  set digests(digests: Digests) {
    this.#reader.digests = digests
  }

  /** A PDU arrives. */
  send(fields: HeaderFields, data: Buffer = Buffer.alloc(0)): void {
    this.bytes(this.pduBytes(fields, data))
  }

  /** The bytes of a PDU, with the digests of this side. */
  pduBytes(fields: HeaderFields, data: Buffer = Buffer.alloc(0)): Buffer {
    return encodeWhole(fields, data, this.digests)
  }

  /** What has been sent since the last call. */
  received(): ReadonlyArray<Pdu> {
    for (const chunk of this.socket.sent.slice(this.#read)) this.#reader.push(chunk)
    this.#read = this.socket.sent.length
    const pdus: Array<Pdu> = []
    for (let pdu = this.#reader.next(); pdu !== undefined; pdu = this.#reader.next()) pdus.push(pdu)
    return pdus
  }

  /** The one PDU that has been sent since the last call. */
  one(): Pdu {
    const pdus = this.received()
    const [pdu] = pdus
    if (pdu === undefined || pdus.length > 1) throw new Error(`${pdus.length} PDUs where one is expected`)
    return pdu
  }

  /** One login request from the operational stage to full feature phase; gives the response. */
  login(options: PeerLogin = {}): Pdu {
    const keys: KeyList = [
      ["InitiatorName", options.name ?? initiatorName],
      ["SessionType", "Normal"],
      ["TargetName", options.target ?? targetName],
      ...(options.keys ?? [])
    ]
    this.sendLogin(0x87, keys, options)
    return this.one()
  }

  /** A discovery login. */
  discover(keys: KeyList = []): Pdu {
    this.sendLogin(0x87, [["InitiatorName", initiatorName], ["SessionType", "Discovery"], ...keys])
    return this.one()
  }

  /** One login request; `flags` as on the wire, and the text as keys or as it is. */
  sendLogin(
    flags: number,
    keys: KeyList | Buffer,
    { cid = 1, isid = "800000000001", tsih = 0, versionMin = 0 }: PeerLogin = {}
  ): void {
    const header = makeHeader({
      opcode: Opcode.login,
      immediate: true,
      flags,
      byte2: versionMin,
      byte3: versionMin,
      initiatorTaskTag: 7,
      word20: cid << 16,
      cmdSn: this.cmdSn
    })
    header.write(isid, 8, 6, "hex")
    header.writeUInt16BE(tsih, 14)
    this.bytes(Buffer.concat(encodePdu(new Pdu(header, Buffer.isBuffer(keys) ? keys : encodeKeys(keys)), noDigests)))
  }

  /** A SCSI command; `flags` as on the wire (F, R, W). Gives its initiator task tag. */
  command(
    flags: number,
    cdb: Buffer,
    expectedBytes: number,
    data?: Buffer,
    fields: Partial<HeaderFields> = {}
  ): number {
    const tag = fields.initiatorTaskTag ?? this.nextTag()
    this.bytes(this.commandBytes(flags, cdb, expectedBytes, data, { ...fields, initiatorTaskTag: tag }))
    return tag
  }

  /** The bytes of a SCSI command, which takes a CmdSN. */
  commandBytes(
    flags: number,
    cdb: Buffer,
    expectedBytes: number,
    data: Buffer = Buffer.alloc(0),
    fields: Partial<HeaderFields> = {}
  ): Buffer {
    const cmdSn = this.cmdSn
    if (fields.immediate !== true) this.cmdSn++
    const defaults = { opcode: Opcode.scsiCommand, flags, initiatorTaskTag: this.nextTag(), word20: expectedBytes }
    const header = makeHeader({ ...defaults, cmdSn, ...fields })
    cdb.copy(header, 32)
    return Buffer.concat(encodePdu(new Pdu(header, data), this.digests))
  }

  /** Data-Out. */
  dataOut(initiatorTaskTag: number, data: Buffer, offset: number, fields: Partial<HeaderFields> = {}): void {
    this.bytes(this.dataOutBytes(initiatorTaskTag, data, offset, fields))
  }

  /** The bytes of a Data-Out. */
  dataOutBytes(initiatorTaskTag: number, data: Buffer, offset: number, fields: Partial<HeaderFields> = {}): Buffer {
    const defaults = { opcode: Opcode.dataOut, initiatorTaskTag, word20: reservedTag, word40: offset }
    return this.pduBytes({ ...defaults, ...fields }, data)
  }

  nextTag(): number {
    return ++this.#lastTag
  }
}

const noDigests: Digests = { header: false, data: false }

/** The bytes of one PDU. */
export const encodeWhole = (fields: HeaderFields, data: Buffer = Buffer.alloc(0), digests = noDigests): Buffer =>
  Buffer.concat(encodePdu(new Pdu(makeHeader(fields), data), digests))

/** `GOOD`, `key/asc/ascq` or `status xx` of a SCSI Response or a last Data-In. */
export const statusOf = (pdu: Pdu): string => {
  if (pdu.status === 0) return "GOOD"
  if (pdu.status !== 2) return `status ${pdu.status.toString(16)}`
  const sense = pdu.data.subarray(2)
  const hex = (value: number): string => value.toString(16).padStart(2, "0")
  return `${((sense[2] ?? 0) & 0xf).toString(16)}/${hex(sense[12] ?? 0)}/${hex(sense[13] ?? 0)}`
}

/** A peer that is logged in and has no unit attention left at the LUNs. */
export const loggedIn = (node: IscsiNode, options: PeerLogin = {}, luns: ReadonlyArray<number> = [0]): TestPeer => {
  const peer = new TestPeer(node)
  const response = peer.login(options)
  if (response.loginStatus !== 0) throw new Error(`login status ${response.loginStatus.toString(16)}`)
  for (const lun of luns) peer.command(0x81, Buffer.alloc(6), 0, undefined, lunField(lun))
  peer.received()
  return peer
}

/** A READ or WRITE (10). */
export const cdb10 = (opcode: number, logicalBlockAddress: number, blocks: number): Buffer => {
  const cdb = Buffer.alloc(10)
  cdb[0] = opcode
  cdb.writeUInt32BE(logicalBlockAddress, 2)
  cdb.writeUInt16BE(blocks, 7)
  return cdb
}
export const read10 = (logicalBlockAddress: number, blocks: number): Buffer => cdb10(0x28, logicalBlockAddress, blocks)
export const write10 = (logicalBlockAddress: number, blocks: number): Buffer => cdb10(0x2a, logicalBlockAddress, blocks)
