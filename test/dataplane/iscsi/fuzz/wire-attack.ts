/**
 * Initiators that mean harm, over the network and side by side: they log in with and without CHAP and digests, rightly
 * and wrongly, join and reinstate the sessions of others, send what they like, stop reading, and go away in the middle.
 */
import { setTimeout as delay } from "node:timers/promises"
import type { Credentials } from "../../../support/initiator/chap.ts"
import { beforeLogin } from "../../../support/initiator/hostile.ts"
import { type LoginOutcome, login, randomIsid } from "../../../support/initiator/login.ts"
import { Opcode, type Pdu } from "../../../support/initiator/pdu.ts"
import type { Random } from "../../../support/initiator/random.ts"
import { type Endpoint, Wire } from "../../../support/initiator/Wire.ts"
import { mutateBytes, mutatePdu } from "./mutations.ts"
import { loginPdu, randomPdu, type Transfer } from "./random-pdus.ts"

const noDigests = { header: false, data: false }
const rememberedTags = 16
const targetColdReset = 7

/** A session that somebody has, and others may join or reinstate. */
interface Prey {
  readonly targetName: string
  readonly isid: Buffer
  readonly tsih: number
}

/** What is attacked. */
export interface Quarry {
  readonly endpoint: Endpoint
  /** Without authentication. */
  readonly open: string
  /** With mutual CHAP. */
  readonly guarded: string
  readonly credentials: Credentials
  /** Sessions that attackers have now. */
  readonly sessions: Set<Prey>
}

const operationalKeys = (random: Random) => ({
  HeaderDigest: random.pick(["None", "CRC32C"]),
  DataDigest: random.pick(["None", "CRC32C"]),
  MaxRecvDataSegmentLength: random.pick(["512", "65536", "16777215"]),
  InitialR2T: random.pick(["Yes", "No"]),
  MaxBurstLength: random.pick(["512", "4096", "262144"]),
  FirstBurstLength: random.pick(["512", "65536"]),
  MaxOutstandingR2T: random.pick(["1", "8"]),
  MaxConnections: "4"
})

/** Logs in, or is refused. */
const enter = async (wire: Wire, quarry: Quarry, random: Random): Promise<[LoginOutcome, Prey | undefined]> => {
  if (random.chance(0.1)) return [await login(wire, {}), undefined]
  const known = [...quarry.sessions][random.below(quarry.sessions.size * 2)]
  const targetName = known?.targetName ?? (random.chance(0.3) ? quarry.guarded : quarry.open)
  const isid = known?.isid ?? (random.chance(0.5) ? Buffer.from([0x80, 0, 0, 0, 0, random.below(4)]) : randomIsid())
  const { credentials } = quarry
  const chap = random.chance(0.85) ? credentials : { ...credentials, secret: "not this one" }
  const security = targetName === quarry.guarded ? { authMethod: "CHAP,None", chap } : {}
  const connection = { tsih: known?.tsih ?? 0, connectionId: random.below(4) }
  const keys = operationalKeys(random)
  const outcome = await login(wire, { targetName, isid, keys, ...connection, ...security })
  return [outcome, { targetName, isid, tsih: outcome.tsih }]
}

/** Sends what fits the moment, mostly, until it is cut off or has enough. */
const misbehave = async (wire: Wire, outcome: LoginOutcome, discovery: boolean, random: Random): Promise<void> => {
  let { expCmdSn: cmdSn, expStatSn } = outcome
  const transfers: Array<Transfer> = []
  const tags: Array<number> = []
  const follow = (pdu: Pdu): void => {
    cmdSn = pdu.expCmdSn
    const { bufferOffset: offset, count: bytes, initiatorTaskTag, targetTransferTag } = pdu
    if (pdu.opcode !== Opcode.readyToTransfer) expStatSn = (pdu.statSn + 1) >>> 0
    else transfers.push({ initiatorTaskTag, targetTransferTag, offset, bytes })
  }
  wire.dispatch(follow, () => undefined)
  const nextCmdSn = (): number => (random.chance(0.02) ? cmdSn + random.below(5) : cmdSn) >>> 0
  for (let left = random.between(3, 120); left > 0 && !wire.isClosed; left--) {
    const pdu = randomPdu(random, { expStatSn, transfers, tags, discovery, nextCmdSn })
    // It ends all sessions: a few of them are enough.
    if (pdu.opcode === Opcode.taskManagement && (pdu.flags & 0x7f) === targetColdReset && random.chance(0.8)) continue
    if (pdu.opcode === Opcode.dataOut) transfers.shift()
    else if (((pdu.header[0] ?? 0) & 0x40) === 0) cmdSn = (cmdSn + 1) >>> 0
    tags.push(pdu.initiatorTaskTag)
    if (tags.length > rememberedTags) tags.shift()
    wire.send(random.chance(0.02) ? mutatePdu(random, pdu) : pdu)
    if (random.chance(0.3)) await delay(random.below(4))
    if (random.chance(0.03)) {
      wire.pause()
      await delay(random.below(30))
      wire.resume()
    }
  }
}

/** One connection, from its beginning to its end; gives the status of its login, if it came to that. */
export const attackOverWire = async (quarry: Quarry, random: Random): Promise<number | undefined> => {
  const wire = await Wire.connect(quarry.endpoint)
  let prey: Prey | undefined
  try {
    if (random.chance(0.2)) {
      wire.sendBytes(random.chance(0.5) ? beforeLogin(random) : mutateBytes(random, loginPdu(random, true), noDigests))
      await delay(random.below(20))
      return undefined
    }
    const [outcome, entered] = await enter(wire, quarry, random)
    if (outcome.status !== 0) return outcome.status
    prey = entered
    if (prey !== undefined) quarry.sessions.add(prey)
    await misbehave(wire, outcome, prey === undefined, random)
    return outcome.status
  } finally {
    if (prey !== undefined) quarry.sessions.delete(prey)
    wire.cutAfter(0, random.pick(["end", "reset"]))
    if (wire.socket.destroyed) await wire.closed
    else await wire.untilClosed().catch(() => wire.destroy())
  }
}
