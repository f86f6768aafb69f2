/**
 * Hostile input, seeded: bytes that are no PDUs, PDUs with lying lengths and tags, and valid PDUs with flipped bits,
 * before and after login.
 */
import { setTimeout as delay } from "node:timers/promises"
import { cdb } from "./commands.ts"
import { defaultInitiatorName, login, randomIsid } from "./login.ts"
import { encodePdu, type HeaderFields, makeHeader, Opcode, Pdu, reservedTag } from "./pdu.ts"
import type { Random } from "./random.ts"
import { type Endpoint, Wire } from "./Wire.ts"

/** What an attack knows of the connection that it uses. */
interface Position {
  readonly random: Random
  readonly cmdSn: number
  readonly expStatSn: number
}

/** Numbers at which lengths and offsets go wrong. */
const edges = [
  0, 1, 3, 511, 512, 4095, 0xffff, 0x10000, 0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xfffffffe
] as const

const edge = (random: Random): number => random.pick([0xffffffff, ...edges])

const noDigests = { header: false, data: false }

const bytesOf = (pdu: Pdu): Buffer => Buffer.concat(encodePdu(pdu, noDigests))

const command = (position: Position, fields: Partial<HeaderFields>, cdbBytes: Buffer, data?: Buffer): Buffer => {
  const header = makeHeader({
    opcode: Opcode.scsiCommand,
    flags: 0xa1,
    initiatorTaskTag: position.random.below(16),
    word20: 512,
    cmdSn: position.cmdSn,
    expStatSn: position.expStatSn,
    ...fields
  })
  cdbBytes.copy(header, 32, 0, 16)
  return bytesOf(new Pdu(header, data))
}

/** A write to LUN 0 that waits for an R2T. */
const pendingWrite = (position: Position): Buffer =>
  command(position, { initiatorTaskTag: 7, word20: 65536 }, cdb.write10(0, 128))

const dataOut = (fields: Partial<HeaderFields>, data: Buffer): Buffer =>
  bytesOf(new Pdu(makeHeader({ opcode: Opcode.dataOut, initiatorTaskTag: 7, word20: reservedTag, ...fields }), data))

const flipBits = (random: Random, bytes: Buffer): Buffer => {
  for (let count = random.between(1, 8); count > 0; count--) {
    const at = random.below(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
  }
  return bytes
}

/** Attacks by name: each makes the bytes of one attempt. */
export const attacks: Readonly<Record<string, (position: Position) => Buffer>> = {
  noise: ({ random }) => random.bytes(random.between(1, 4096)),
  "random header": ({ random }) => {
    const header = random.bytes(48)
    header.writeUIntBE(random.below(64), 5, 3)
    return Buffer.concat([header, random.bytes(512)])
  },
  "long data segment": ({ random }) => {
    const header = makeHeader({ opcode: random.below(0x40), immediate: random.chance(0.5) })
    header.writeUIntBE(edge(random) & 0xffffff, 5, 3)
    return Buffer.concat([header, random.bytes(random.between(0, 2000))])
  },
  "additional headers": ({ random }) => {
    const header = makeHeader({ opcode: random.pick([Opcode.scsiCommand, Opcode.nopOut, Opcode.text, Opcode.login]) })
    header[4] = random.between(1, 255)
    return Buffer.concat([header, random.bytes(random.between(0, 1020))])
  },
  "data out of bounds": (position) => {
    const { random } = position
    const fields = { word36: edge(random), word40: edge(random), word20: edge(random), flags: random.below(256) }
    return Buffer.concat([pendingWrite(position), dataOut(fields, random.bytes(random.pick([0, 1, 512, 4096])))])
  },
  "data for other tasks": (position) => {
    const { random } = position
    return dataOut({ initiatorTaskTag: edge(random), word20: edge(random) }, random.bytes(512))
  },
  "same task tag twice": (position) => {
    const next = { ...position, cmdSn: (position.cmdSn + 1) >>> 0 }
    return Buffer.concat([pendingWrite(position), pendingWrite(next)])
  },
  "lying expected length": (position) => {
    const fields = { word20: edge(position.random), flags: position.random.pick([0xa1, 0xc1, 0xe1, 0x81]) }
    return command(position, fields, cdb.write10(0, position.random.pick([0, 1, 128, 65535])), Buffer.alloc(512))
  },
  "address beyond the end": (position) => {
    const bytes = position.random.pick([cdb.write16, cdb.read16])(2 ** 53, position.random.pick([1, 65535, 0xffffffff]))
    return command(position, { flags: position.random.pick([0xa1, 0xc1]), word20: edge(position.random) }, bytes)
  },
  "any CDB": (position) => {
    const { random } = position
    const fields = { flags: 0x81 | (random.below(4) << 5), word20: random.pick([0, 512, 4096, 0xffffffff]) }
    return command(position, { ...fields, lun: BigInt(random.below(0x10000)) << 48n }, random.bytes(16))
  },
  "any task attribute": (position) => {
    const { random } = position
    const flags = random.pick([0x80, 0xa0, 0xc0]) | random.below(8)
    const immediate = random.chance(0.5)
    return command(position, { flags, immediate, initiatorTaskTag: random.below(64) }, cdb.write10(0, 1))
  },
  "any task management function": ({ random, cmdSn, expStatSn }) => {
    const fields = { initiatorTaskTag: random.below(16), word20: random.below(64), word32: edge(random) }
    // The one that ends all sessions of the target is left out: others are attacking, too.
    const flags = 0x80 | random.pick([0, 1, 2, 3, 4, 5, 6, 8, 9, 12, 127])
    const immediate = random.chance(0.5)
    const lun = BigInt(random.below(3)) << 48n
    return bytesOf(
      new Pdu(makeHeader({ opcode: Opcode.taskManagement, immediate, flags, lun, cmdSn, expStatSn, ...fields }))
    )
  },
  "any CmdSN": (position) => command({ ...position, cmdSn: edge(position.random) }, {}, cdb.testUnitReady()),
  "text of no end": ({ random, cmdSn, expStatSn }) => {
    const header = makeHeader({
      opcode: Opcode.text,
      immediate: true,
      flags: 0x40,
      initiatorTaskTag: 9,
      cmdSn,
      expStatSn
    })
    header.writeUInt32BE(reservedTag, 20)
    return bytesOf(new Pdu(header, random.bytes(8000)))
  },
  "flipped bits": (position) => {
    const { random } = position
    const valid = random.pick([
      pendingWrite(position),
      command(position, { flags: 0xc1, word20: 4096 }, cdb.read10(0, 8)),
      bytesOf(
        new Pdu(makeHeader({ opcode: Opcode.nopOut, immediate: true, initiatorTaskTag: 3, word20: reservedTag }))
      ),
      bytesOf(new Pdu(makeHeader({ opcode: Opcode.taskManagement, immediate: true, flags: 0x82, initiatorTaskTag: 4 })))
    ])
    return flipBits(random, valid)
  },
  "login in full feature phase": ({ random }) => {
    const header = makeHeader({ opcode: Opcode.login, immediate: true, flags: 0x87, initiatorTaskTag: 1 })
    return bytesOf(new Pdu(header, Buffer.from(`InitiatorName=${"x".repeat(random.below(300))}\0`)))
  }
}

const loginBytes = (random: Random): Buffer => {
  const header = makeHeader({ opcode: Opcode.login, immediate: true, flags: 0x87, initiatorTaskTag: 1, cmdSn: 1 })
  randomIsid().copy(header, 8)
  const text = `InitiatorName=${defaultInitiatorName}\0SessionType=Discovery\0`
  const length = `MaxRecvDataSegmentLength=${random.below(70000)}\0`
  return bytesOf(new Pdu(header, Buffer.from(text + length)))
}

/** Bytes of one attempt on a connection that has not logged in. */
export const beforeLogin = (random: Random): Buffer => {
  const position = { random, cmdSn: 1, expStatSn: 0 }
  if (random.chance(0.5)) return flipBits(random, loginBytes(random))
  const names = Object.keys(attacks)
  return attacks[names[random.below(names.length)] ?? ""]?.(position) ?? Buffer.alloc(0)
}

/** Attempts on one connection before a new one is made. */
const attemptsPerConnection = 8

const attackInSession = async (wire: Wire, targetName: string, random: Random): Promise<ReadonlyArray<string>> => {
  const used: Array<string> = []
  const names = Object.keys(attacks)
  let { cmdSn, expStatSn } = await login(wire, { targetName })
  const follow = (pdu: Pdu) => {
    cmdSn = pdu.expCmdSn
    expStatSn = (pdu.statSn + 1) >>> 0
  }
  wire.dispatch(follow, () => undefined)
  for (let attempt = 0; attempt < attemptsPerConnection && !wire.isClosed; attempt++) {
    const name = names[random.below(names.length)] ?? ""
    used.push(name)
    wire.sendBytes(attacks[name]?.({ random, cmdSn, expStatSn }) ?? Buffer.alloc(0))
    // Some attempts go out together, others after the target has had a chance to answer.
    if (random.chance(0.5)) await delay(1)
  }
  return used
}

/**
 * Makes one connection, logs in to `targetName` (or not, when undefined), sends a few attempts and goes away,
 * sometimes in order, sometimes not. Resolves with the attacks that were used; what the target answers is its own
 * business.
 */
export const attackOnce = async (
  endpoint: Endpoint,
  targetName: string | undefined,
  random: Random
): Promise<ReadonlyArray<string>> => {
  const wire = await Wire.connect(endpoint)
  const used: Array<string> = []
  try {
    if (targetName === undefined) {
      used.push("before login")
      wire.sendBytes(beforeLogin(random))
    } else {
      used.push(...(await attackInSession(wire, targetName, random)))
    }
    wire.cutAfter(0, random.pick(["end", "reset"]))
  } finally {
    if (wire.socket.destroyed) await wire.closed
    else await wire.untilClosed().catch(() => wire.destroy())
  }
  return used
}
