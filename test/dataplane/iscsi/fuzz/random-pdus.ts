/** PDUs as an initiator might send them in full feature phase, mostly right, and login texts, mostly wrong. */
import { type HeaderFields, makeHeader, Opcode, Pdu, reservedTag } from "../../../support/initiator/pdu.ts"
import type { Random } from "../../../support/initiator/random.ts"
import { encodeKeys } from "../../../support/initiator/text-keys.ts"
import { initiatorName, targetName } from "../fixture.ts"
import { edge } from "./mutations.ts"

/** An R2T that has not been answered wholly. */
export interface Transfer {
  readonly initiatorTaskTag: number
  readonly targetTransferTag: number
  readonly offset: number
  readonly bytes: number
}

/** What an initiator knows of its connection. */
export interface PeerView {
  readonly expStatSn: number
  readonly transfers: ReadonlyArray<Transfer>
  readonly nextCmdSn: () => number
  readonly discovery: boolean
  /** Task tags in use or lately used. */
  readonly tags: ReadonlyArray<number>
}

const cdb = (...bytes: ReadonlyArray<number>): Buffer => Buffer.from(bytes)

const readOrWrite = (opcode: number, random: Random): Buffer => {
  const address = random.pick([0, 8, 2040, 2047, 2048, 0xffffffff])
  const blocks = random.pick([0, 1, 8, 16, 256, 0xffff])
  const bytes = Buffer.alloc(16)
  bytes[0] = opcode
  if (opcode >= 0x80 && opcode < 0xa0) {
    bytes.writeUInt32BE(address, 6)
    bytes.writeUInt32BE(blocks, 10)
  } else {
    bytes.writeUInt32BE(address, 2)
    bytes.writeUInt16BE(blocks, 7)
  }
  return bytes
}

/** READ, WRITE and their like (10, 16), VERIFY, WRITE AND VERIFY, COMPARE AND WRITE, WRITE SAME, UNMAP. */
const dataCommands = [0x28, 0x2a, 0x2a, 0x88, 0x8a, 0x2f, 0x8f, 0x2e, 0x8e, 0x89, 0x41, 0x93, 0x42, 0x8b, 0x9c] as const

const randomCdb = (random: Random): Buffer => {
  if (random.chance(0.75)) return readOrWrite(random.pick([...dataCommands]), random)
  return random.pick([
    cdb(0x00, 0, 0, 0, 0, 0),
    cdb(0x12, random.below(2), random.pick([0, 0x80, 0x83, 0xb0]), 0, 255, 0),
    cdb(0x03, 0, 0, 0, 252, 0),
    cdb(0x1a, 0, 0x3f, 0, 255, 0),
    cdb(0x55, 0x10, 0, 0, 0, 0, 0, 0, 24, 0),
    cdb(0xa0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0),
    cdb(0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0),
    cdb(0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0),
    random.bytes(16)
  ])
}

const writeOpcodes: ReadonlySet<number> = new Set([0x2a, 0x8a, 0x2e, 0x8e])

/** A READ or WRITE within the disk whose lengths agree. */
const goodCommand = (random: Random, view: PeerView): Pdu => {
  const opcode = random.pick([0x28, 0x2a, 0x2a, 0x88, 0x8a, 0x8a])
  const blocks = random.pick([1, 8, 64, 250])
  const bytes = Buffer.alloc(16)
  bytes[0] = opcode
  if (opcode < 0x80) bytes.writeUInt16BE(blocks, 7)
  else bytes.writeUInt32BE(blocks, 10)
  const lun = random.pick([0, 0, 1, 1, 2])
  const expected = blocks * (lun === 2 ? 4096 : 512)
  const write = writeOpcodes.has(opcode)
  const immediate = write ? Buffer.alloc(Math.min(expected, random.pick([0, 512, 8192])), 1) : Buffer.alloc(0)
  const header = makeHeader({
    opcode: Opcode.scsiCommand,
    flags: write ? 0xa1 : 0xc1,
    lun: BigInt(lun) << 48n,
    initiatorTaskTag: random.below(0x7fffffff),
    word20: expected,
    cmdSn: view.nextCmdSn(),
    expStatSn: view.expStatSn
  })
  bytes.copy(header, 32)
  return new Pdu(header, immediate)
}

/** TEST UNIT READY, which takes what unit attention waits. */
export const testUnitReady = (lun: number, view: PeerView): Pdu =>
  new Pdu(
    makeHeader({
      opcode: Opcode.scsiCommand,
      flags: 0x81,
      lun: BigInt(lun) << 48n,
      initiatorTaskTag: lun,
      cmdSn: view.nextCmdSn(),
      expStatSn: view.expStatSn
    })
  )

const scsiCommand = (random: Random, view: PeerView): Pdu => {
  const bytes = randomCdb(random)
  const immediate = random.chance(0.1)
  const data = random.bytes(random.pick([0, 0, 24, 512, 4096]))
  const header = makeHeader({
    opcode: Opcode.scsiCommand,
    immediate,
    flags: 0x80 | (random.below(4) << 5) | random.pick([0, 1, 1, 1, 2, 3, 4, 5]),
    lun: BigInt(random.pick([0, 0, 0, 1, 1, 2, 3, 255])) << 48n,
    initiatorTaskTag: random.chance(0.05) ? random.pick([0, ...view.tags]) : random.below(0x7fffffff),
    word20: random.pick([0, data.length, 512, 4096, 8192, 131_072, edge(random)]),
    cmdSn: view.nextCmdSn(),
    expStatSn: view.expStatSn
  })
  bytes.copy(header, 32, 0, 16)
  return new Pdu(header, data)
}

const dataOut = (random: Random, view: PeerView): Pdu => {
  const none: Transfer = { initiatorTaskTag: edge(random), targetTransferTag: edge(random), offset: 0, bytes: 512 }
  const transfer = random.pick([none, ...view.transfers])
  const fields: HeaderFields = {
    opcode: Opcode.dataOut,
    flags: random.pick([0x80, 0x80, 0]),
    initiatorTaskTag: transfer.initiatorTaskTag,
    word20: random.chance(0.1) ? reservedTag : transfer.targetTransferTag,
    expStatSn: view.expStatSn,
    word36: random.pick([0, 0, 0, 1, edge(random)]),
    word40: random.chance(0.1) ? edge(random) : transfer.offset
  }
  const bytes = random.chance(0.8) ? transfer.bytes : random.below(5000)
  return new Pdu(makeHeader(fields), Buffer.alloc(Math.min(bytes, 262_144), random.below(256)))
}

const texts = [
  "SendTargets=All",
  "SendTargets=",
  `SendTargets=${targetName}`,
  "MaxRecvDataSegmentLength=512",
  "X-com.example.key=1",
  "Unknown=".padEnd(300, "y")
] as const

const control = (random: Random, view: PeerView): Pdu => {
  const immediate = random.chance(0.5)
  const common = {
    immediate,
    initiatorTaskTag: random.chance(0.1) ? reservedTag : random.below(0x7fffffff),
    cmdSn: view.nextCmdSn(),
    expStatSn: view.expStatSn
  }
  const tag = random.pick([edge(random), ...view.tags])
  switch (random.below(7)) {
    case 0:
      return new Pdu(
        makeHeader({ ...common, opcode: Opcode.nopOut, word20: reservedTag }),
        random.bytes(random.below(99))
      )
    case 1:
    case 2:
      return new Pdu(
        makeHeader({
          ...common,
          opcode: Opcode.taskManagement,
          flags: 0x80 | random.below(16),
          lun: BigInt(random.below(4)) << 48n,
          word20: tag,
          word32: random.pick([0, view.nextCmdSn()])
        })
      )
    case 3:
    case 4: {
      const flags = random.chance(0.8) ? 0x80 : random.pick([0x40, 0, 0xc0])
      const text = Buffer.from(`${random.pick([...texts])}\0`)
      return new Pdu(
        makeHeader({
          ...common,
          opcode: Opcode.text,
          flags,
          word20: random.chance(0.9) ? reservedTag : random.pick([1, 2])
        }),
        random.chance(0.9) ? text : random.bytes(8000)
      )
    }
    case 5:
      return new Pdu(makeHeader({ ...common, opcode: Opcode.snack, word20: tag, word40: edge(random) }))
    default: {
      const opcode = random.chance(0.1) ? Opcode.logout : random.below(0x40)
      return new Pdu(makeHeader({ ...common, opcode, flags: 0x80 | random.below(4), word20: random.below(3) << 16 }))
    }
  }
}

/** The next PDU of a session that is up. */
export const randomPdu = (random: Random, view: PeerView): Pdu => {
  if (view.transfers.length > 0 && random.chance(0.6)) return dataOut(random, view)
  const kind = random.below(10)
  if (kind < 3 && !view.discovery) return goodCommand(random, view)
  if (kind < 6 && !view.discovery) return scsiCommand(random, view)
  return kind < 9 || random.chance(0.5) ? control(random, view) : dataOut(random, view)
}

const numberValues = ["0", "1", "512", "65536", "16777215", "16777216", "0x200", "0xfffffff", "-1", "x", ""] as const
const numberKeys = [
  "MaxRecvDataSegmentLength",
  "MaxBurstLength",
  "FirstBurstLength",
  "MaxConnections",
  "MaxOutstandingR2T",
  "DefaultTime2Wait",
  "DefaultTime2Retain",
  "ErrorRecoveryLevel",
  "iSCSIProtocolLevel",
  "OFMarkInt"
] as const
const wordKeys = ["InitialR2T", "ImmediateData", "DataPDUInOrder", "AuthMethod", "HeaderDigest", "DataDigest"] as const
const wordValues = [
  "Yes",
  "No",
  "None",
  "CRC32C",
  "None,CRC32C",
  "CHAP,None",
  "NotUnderstood",
  "Reject",
  "é\u0001"
] as const

/** Keys of a login: names that are right, then whatever. */
export const randomLoginKeys = (random: Random): ReadonlyArray<readonly [string, string]> => {
  const keys: Array<readonly [string, string]> = []
  if (random.chance(0.95)) keys.push(["InitiatorName", initiatorName])
  if (random.chance(0.9)) keys.push(["TargetName", targetName])
  if (random.chance(0.8)) keys.push(["SessionType", random.pick(["Normal", "Normal", "Normal", "Discovery", "Other"])])
  for (let count = random.below(6); count > 0; count--) {
    if (random.chance(0.5)) keys.push([random.pick([...numberKeys]), random.pick([...numberValues])])
    else keys.push([random.pick([...wordKeys]), random.pick([...wordValues])])
  }
  return keys
}

/** Digests, which the fuzzed sessions use in turn. */
const digestKeys = (random: Random): ReadonlyArray<readonly [string, string]> => [
  ["HeaderDigest", random.pick(["None", "CRC32C", "CRC32C,None"])],
  ["DataDigest", random.pick(["None", "CRC32C", "None,CRC32C"])]
]

/** A session that a connection may join. */
export interface LiveSession {
  readonly tsih: number
  /** 12 hexadecimal digits. */
  readonly isid: string
}

/** A login request that goes straight to full feature phase; `wild` asks for anything. */
export const loginPdu = (random: Random, wild: boolean, live?: LiveSession): Pdu => {
  const header = makeHeader({
    opcode: Opcode.login,
    immediate: true,
    flags: wild ? random.pick([0x87, 0x87, 0x81, 0x83, 0x04, 0x47, 0xc7, random.below(256)]) : 0x87,
    initiatorTaskTag: 7,
    word20: random.below(wild ? 3 : 1) << 16,
    cmdSn: 1
  })
  header.writeUIntBE(0x80000000 + random.below(3), 8, 5)
  if (wild && random.chance(0.2)) header.writeUInt16BE(random.below(5), 14)
  if (live !== undefined) {
    header.write(live.isid, 8, "hex")
    header.writeUInt16BE(live.tsih, 14)
    header.writeUInt16BE(random.below(4), 20)
  }
  const keys: ReadonlyArray<readonly [string, string]> = wild
    ? randomLoginKeys(random)
    : [
        ["InitiatorName", initiatorName],
        ["TargetName", targetName],
        ["SessionType", "Normal"],
        ["InitialR2T", random.pick(["Yes", "No"])],
        ["MaxConnections", random.pick(["1", "3", "3"])],
        ...digestKeys(random)
      ]
  return new Pdu(header, encodeKeys(keys))
}
