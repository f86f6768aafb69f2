/** What the server holds of the machine when all is quiet: descriptors by kind, connections, sessions, memory. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"
import { processTree } from "../../support/child-process.ts"
import type { Lunlog } from "../../support/initiator/lunlog.ts"
import type { There } from "../model/ControlModel.ts"
import { askProbe, type Probe } from "./probe.ts"

/** Descriptors by what they are; files of disks by their path. */
export type Descriptors = ReadonlyMap<string, number>

const kindOf = (link: string, disks: string): string => {
  if (link.startsWith(disks)) return link
  // LevelDB opens and closes tables as it likes.
  if (link.includes("/state/")) return "state"
  // One watches paths, from the first path on.
  if (link === "anon_inode:inotify") return "inotify"
  return link.replace(/:.*/, "")
}

const descriptorsOf = (lunlog: Lunlog, disks: string): Descriptors => {
  const found = new Map<string, number>()
  for (const pid of processTree(lunlog.process.pid)) {
    for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
      try {
        const kind = kindOf(readlinkSync(`/proc/${pid}/fd/${descriptor}`), disks)
        found.set(kind, (found.get(kind) ?? 0) + 1)
      } catch {
        // It was closed meanwhile.
      }
    }
  }
  found.delete("state")
  if (found.get("inotify") === 1) found.delete("inotify")
  return found
}

const residentBytes = (lunlog: Lunlog): number =>
  processTree(lunlog.process.pid).reduce((sum, pid) => {
    const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    return sum + Number(kibibytes ?? 0) * 1024
  }, 0)

/** What a server held at a quiet moment. */
export interface Holdings {
  readonly descriptors: Descriptors
  readonly probe: Probe | undefined
  readonly residentBytes: number
}

/** Looks. */
export const holdingsAt = async (lunlog: Lunlog, disks: string): Promise<Holdings> => ({
  descriptors: descriptorsOf(lunlog, disks),
  probe: await askProbe(lunlog.process.directory),
  residentBytes: residentBytes(lunlog)
})

/** Growth of memory that is not taken for a leak, in bytes. */
const residentSlack = 512 * 1024 * 1024
/** What a closed connection or file may take to be gone, in milliseconds. */
const settleMillis = 8000

/** Memory that commands hold for their data. */
const bufferBytes = async (lunlog: Lunlog): Promise<number> => {
  const status = new Map(Object.entries(Object(await lunlog.call("lunlog_status"))))
  return Number(status.get("command_buffer_bytes"))
}

const connectionsOf = async (lunlog: Lunlog): Promise<number> => {
  const answer = await lunlog.call("iscsi_get_connections")
  return Array.isArray(answer) ? answer.length : 0
}

const expectedFiles = (there: There): ReadonlyMap<string, number> => {
  const files = [...there.bdevs.values()].flatMap(({ filename }) => filename ?? [])
  return new Map([...Map.groupBy(files, (file) => file)].map(([file, users]) => [file, users.length]))
}

const remoteDisks = (there: There): number => [...there.bdevs.values()].filter(({ kind }) => kind === "Nbd").length

/** Sockets beside those of initiators and listening ones: the same as at the start. */
const wrongDescriptors = (
  now: Descriptors,
  before: Descriptors,
  there: There,
  connections: number
): ReadonlyArray<string> => {
  const files = expectedFiles(there)
  // One connection each.
  const remote = remoteDisks(there)
  const portals = [...there.portalGroups.values()].flat().length
  const kinds = new Set([...now.keys(), ...before.keys(), ...files.keys()])
  return [...kinds].flatMap((kind) => {
    const held = now.get(kind) ?? 0
    const extra = kind === "socket" ? connections + portals + remote : (files.get(kind) ?? 0)
    const expected = (kind.startsWith("/") && kind !== "/dev/null" ? 0 : (before.get(kind) ?? 0)) + extra
    return held === expected ? [] : [`${held} descriptors of ${kind} are open, ${expected} are accounted for`]
  })
}

/** The same, waiting a while for what is just being closed. `before` is from when nothing was there. */
export const checkHoldings = async (
  lunlog: Lunlog,
  disks: string,
  before: Holdings,
  there: There,
  sessions: number
): Promise<ReadonlyArray<string>> => {
  const deadline = performance.now() + settleMillis
  for (;;) {
    const connections = await connectionsOf(lunlog)
    const buffers = await bufferBytes(lunlog)
    const now = await holdingsAt(lunlog, disks)
    const wrong = [
      ...(connections === sessions
        ? []
        : [`${connections} connections are there, ${sessions} initiators are logged in`]),
      ...(buffers === 0 ? [] : [`commands hold buffers of ${buffers} bytes, and none is under way`]),
      ...wrongDescriptors(now.descriptors, before.descriptors, there, sessions),
      ...wrongProbe(now.probe, before.probe, there),
      ...(now.residentBytes < before.residentBytes + residentSlack
        ? []
        : [`${now.residentBytes} bytes are resident, ${before.residentBytes} were at first`])
    ]
    if (wrong.length === 0 || performance.now() > deadline) return wrong
    await delay(50)
  }
}

/** Timers and requests of Node that only what is under way has; each NBD disk looks after its server by a timer. */
const wrongProbe = (now: Probe | undefined, before: Probe | undefined, there: There): ReadonlyArray<string> => {
  if (now === undefined || before === undefined) return []
  const kinds = { Timeout: remoteDisks(there), Immediate: 0, FSReqCallback: 0 }
  return Object.entries(kinds).flatMap(([kind, extra]) => {
    const [held, expected] = [now.resources[kind] ?? 0, (before.resources[kind] ?? 0) + extra]
    return held <= expected ? [] : [`${held} of ${kind} are active in the server, ${expected} are accounted for`]
  })
}
