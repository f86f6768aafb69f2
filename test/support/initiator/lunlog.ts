/**
 * A lunlog server with one portal group and one initiator group that lets everybody in, and the calls that most tests
 * make on it: disks, targets, and sessions of the scripted initiator.
 */
import { readdirSync, readFileSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"
import { processTree } from "../child-process.ts"
import type { RpcParams } from "../rpc-client.ts"
import { freePort, startTarget, type TargetOptions, type TargetProcess } from "../target-process.ts"
import { clearUnitAttentions } from "./commands.ts"
import { Session, type SessionOptions } from "./Session.ts"
import type { Endpoint } from "./Wire.ts"

/** Names of the tests' targets start with this. */
export const nodeBase = "iqn.2016-06.io.spdk"

/** A target node to create: bdev names by LUN id. */
export interface TargetSpec {
  /** Full iSCSI name. */
  readonly name: string
  readonly luns: Readonly<Record<number, string>>
  readonly queueDepth?: number
  /** More parameters of `iscsi_create_target_node`. */
  readonly extra?: RpcParams
}

/** The server and how to reach it. */
export interface Lunlog extends AsyncDisposable {
  readonly process: TargetProcess
  readonly endpoint: Endpoint
  readonly call: (method: string, params?: RpcParams) => Promise<unknown>
  /** A RAM disk in blocks of 512 bytes. */
  readonly createMalloc: (name: string, mebibytes: number) => Promise<void>
  readonly createTarget: (target: TargetSpec) => Promise<void>
  /** Logs in; with `readyLun`, unit attentions of that LUN are fetched first. */
  readonly open: (targetName: string, options?: Partial<SessionOptions>, readyLun?: number) => Promise<Session>
}

/** Tags of the groups that every server of `startLunlog` has. */
export const everybody = { pg_tag: 1, ig_tag: 1 } as const

/** Parameters of `iscsi_create_target_node` for a target that anybody may use without CHAP. */
export const targetParams = (target: TargetSpec): RpcParams => ({
  name: target.name,
  alias_name: "",
  pg_ig_maps: [everybody],
  luns: Object.entries(target.luns).map(([lun, bdev]) => ({ bdev_name: bdev, lun_id: Number(lun) })),
  queue_depth: target.queueDepth ?? 64,
  disable_chap: true,
  ...target.extra
})

/** Parameters of `bdev_malloc_create`. */
export const mallocParams = (name: string, mebibytes: number): RpcParams => ({
  name,
  num_blocks: mebibytes * 2048,
  block_size: 512
})

/** Creates the groups that let everybody in on `endpoint`. */
export const createGroups = async (process: TargetProcess, endpoint: Endpoint): Promise<void> => {
  const portals = [{ host: endpoint.host, port: String(endpoint.port) }]
  await process.rpc.call("iscsi_create_portal_group", { tag: everybody.pg_tag, portals })
  const group = { tag: everybody.ig_tag, initiators: ["ANY"], netmasks: ["ANY"] }
  await process.rpc.call("iscsi_create_initiator_group", group)
}

/** Calls on a running server. */
export const asLunlog = (process: TargetProcess, endpoint: Endpoint): Lunlog => {
  const call = (method: string, params?: RpcParams) => process.rpc.call(method, params)
  return {
    process,
    endpoint,
    call,
    createMalloc: async (name, mebibytes) => void (await call("bdev_malloc_create", mallocParams(name, mebibytes))),
    createTarget: async (target) => void (await call("iscsi_create_target_node", targetParams(target))),
    open: async (targetName, options = {}, readyLun) => {
      const session = await Session.open({ endpoint, targetName, ...options })
      if (readyLun !== undefined) await clearUnitAttentions(session, readyLun)
      return session
    },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]()
  }
}

/**
 * With several reactors targets that share a disk have one home, and an initiator would be asked to log out when they
 * come to share one. So these do before initiators come, for a moment, as this LUN: they stay together.
 */
export const bringTogether = async ({ call }: Lunlog, names: ReadonlyArray<string>, lun: number): Promise<void> => {
  await call("bdev_malloc_create", mallocParams("Together", 1))
  for (const name of names) await call("iscsi_target_node_add_lun", { name, bdev_name: "Together", lun_id: lun })
  await call("bdev_malloc_delete", { name: "Together" })
}

/** Starts a server with an empty state and creates the groups. */
export const startLunlog = async (options: TargetOptions = {}): Promise<Lunlog> => {
  const process = await startTarget({ stateMode: "empty", ...options })
  try {
    const endpoint = { host: "127.0.0.1", port: await freePort() }
    await createGroups(process, endpoint)
    return asLunlog(process, endpoint)
  } catch (error) {
    await process[Symbol.asyncDispose]()
    throw error
  }
}

/** What a server's processes hold of the machine. */
export interface Holdings {
  readonly descriptors: number
  /** Resident memory in bytes. */
  readonly residentBytes: number
}

/** Descriptors and resident memory of a server, summed over its processes. Linux only. */
export const holdingsOf = (process: TargetProcess): Holdings => {
  let descriptors = 0
  let residentBytes = 0
  for (const pid of processTree(process.pid)) {
    descriptors += readdirSync(`/proc/${pid}/fd`).length
    const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    residentBytes += Number(kibibytes ?? 0) * 1024
  }
  return { descriptors, residentBytes }
}

/** Waits until a server holds at most `descriptors` descriptors; a closed connection's goes a moment later. */
export const untilDescriptors = async (process: TargetProcess, descriptors: number): Promise<void> => {
  const deadline = performance.now() + 10_000
  for (;;) {
    const held = holdingsOf(process).descriptors
    if (held <= descriptors) return
    if (performance.now() > deadline)
      throw new Error(`lunlog holds ${held} descriptors, expected ${descriptors} at most`)
    await delay(20)
  }
}

/** Fails a test early, with the server's last words, when it is gone. */
export const assertAlive = (process: TargetProcess): void => {
  const status = process.exitStatus()
  if (status === undefined) return
  throw new Error(`lunlog ended (code ${status.code}, signal ${status.signal}):\n${process.stderr().slice(-4000)}`)
}
