/**
 * What goes on at a server during a soak, side by side: each lane does one thing after the other until it is told to
 * stop, and leaves nothing behind.
 */
import { setTimeout as delay } from "node:timers/promises"
import { cdb } from "../support/initiator/commands.ts"
import { attackOnce } from "../support/initiator/hostile.ts"
import { defaultKeys } from "../support/initiator/login.ts"
import { type Lunlog, mallocParams, nodeBase } from "../support/initiator/lunlog.ts"
import type { Random } from "../support/initiator/random.ts"
import { Session } from "../support/initiator/Session.ts"
import { RpcFailure } from "../support/rpc-client.ts"

/** The target that is there all the time, with a RAM disk, a file and an error bdev. */
export const soakTarget = `${nodeBase}:soak`
/** One that attacks go to: task management of one initiator ends commands of others. */
export const attackedTarget = `${nodeBase}:attacked`
/** LUNs of `soakTarget`. */
export const soakLuns = [0, 1, 2] as const
/** Blocks of each. */
export const soakBlocks = 8 * 2048

/** What lanes work with. */
export interface Scene {
  readonly lunlog: Lunlog
  readonly random: Random
  readonly isOver: () => boolean
  /** One operation more. */
  readonly did: (what: string) => void
}

const blocksMax = 2048

const ioOnce = async (session: Session, random: Random): Promise<void> => {
  const blocks = random.chance(0.5) ? random.between(1, 16) : random.between(1, blocksMax)
  const at = random.below(soakBlocks - blocks)
  const lun = random.pick(soakLuns)
  const bytes = blocks * 512
  if (random.chance(0.5)) await session.command({ lun, cdb: cdb.read16(at, blocks), readBytes: bytes })
  else await session.command({ lun, cdb: cdb.write16(at, blocks), writeData: Buffer.alloc(bytes, at) })
}

/** A session that stays, with IO of all sizes. */
const steadyIo = async ({ did, isOver, lunlog, random }: Scene): Promise<void> => {
  const session = await lunlog.open(soakTarget)
  while (!isOver()) {
    await Promise.all(Array.from({ length: random.between(1, 16) }, () => ioOnce(session, random)))
    did("IO")
  }
  await session.logout()
  session.drop()
}

const withDigests = { ...defaultKeys, HeaderDigest: "CRC32C", DataDigest: "CRC32C" }

/** Sessions that come, do a little, and go: in order, or cut with commands under way; discovery, too. */
const comings = async ({ did, isOver, lunlog, random }: Scene): Promise<void> => {
  while (!isOver()) {
    if (random.chance(0.2)) {
      const discovery = await Session.open({ endpoint: lunlog.endpoint })
      await discovery.text([["SendTargets", "All"]])
      discovery.drop()
      did("discovery")
      continue
    }
    const session = await lunlog.open(soakTarget, random.chance(0.3) ? { keys: withDigests } : {})
    const under = Array.from({ length: random.between(0, 8) }, () => ioOnce(session, random).catch(() => undefined))
    if (random.chance(0.5)) {
      await Promise.all(under)
      await session.logout()
      session.drop()
      did("logout")
    } else {
      session.drop()
      await Promise.all(under)
      did("cut")
    }
  }
}

/** Connections of those who mean harm. */
const attacks = async ({ did, isOver, lunlog, random }: Scene): Promise<void> => {
  while (!isOver()) {
    await attackOnce(lunlog.endpoint, random.chance(0.5) ? attackedTarget : undefined, random).catch(() => [])
    did("attack")
    await delay(5)
  }
}

/** Disks and targets that are made, used, pulled out under IO, and deleted. */
const changes = async ({ did, isOver, lunlog, random }: Scene): Promise<void> => {
  const name = `${nodeBase}:coming`
  while (!isOver()) {
    await lunlog.call("bdev_malloc_create", mallocParams("Coming", random.between(1, 8)))
    await lunlog.createTarget({ name, luns: { 0: "Coming" } })
    const session = await lunlog.open(name)
    const under = Array.from({ length: 4 }, () =>
      session.command({ lun: 0, cdb: cdb.read16(0, 64), readBytes: 32768 }).catch(() => undefined)
    )
    if (random.chance(0.5)) await lunlog.call("bdev_malloc_delete", { name: "Coming" })
    await Promise.all(under)
    session.drop()
    await lunlog.call("iscsi_delete_target_node", { name })
    await lunlog.call("bdev_malloc_delete", { name: "Coming" }).catch((error: unknown) => {
      if (!(error instanceof RpcFailure)) throw error
    })
    did("disk and target")
  }
}

/** Who looks: status, statistics, the log and its states. */
const questions = async ({ did, isOver, lunlog, random }: Scene): Promise<void> => {
  const asked: ReadonlyArray<readonly [string, Record<string, unknown>]> = [
    ["lunlog_status", {}],
    ["lunlog_get_statistics", {}],
    ["bdev_get_iostat", {}],
    ["iscsi_get_connections", {}],
    ["eventlog_read", { limit: 200 }],
    ["eventlog_tail", { count: 50 }],
    ["save_config", {}]
  ]
  while (!isOver()) {
    // It reads the whole log.
    if (random.chance(0.01)) await lunlog.call("eventlog_verify", {})
    const [method, params] = asked[random.below(asked.length)] ?? ["lunlog_status", {}]
    await lunlog.call(method, params).catch((error: unknown) => {
      if (!(error instanceof RpcFailure)) throw error
    })
    did(method)
    await delay(2)
  }
}

/** All of them. */
export const lanes = { steadyIo, comings, attacks, changes, questions }

/** Runs all lanes until `millis` have passed, and waits for their ends. */
export const runLanes = async (
  lunlog: Lunlog,
  random: Random,
  millis: number,
  did: (what: string) => void
): Promise<void> => {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), millis)
  const scene: Scene = { lunlog, random, did, isOver: () => controller.signal.aborted }
  try {
    await Promise.all(Object.values(lanes).map((lane) => lane(scene)))
  } finally {
    clearTimeout(timer)
    if (!controller.signal.aborted) controller.abort()
  }
}
