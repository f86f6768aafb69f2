/** What others do to a target while one initiator reads single blocks: the burdens of the fairness benchmark. */
import type { Lunlog } from "../../support/initiator/lunlog.ts"
import { startLoad } from "../support/load/LoadGenerator.ts"
import type { LoadOptions } from "../support/load/LoadOptions.ts"
import { discoverOver, eraseOver, logInOver, repeatCall } from "./scripted-burdens.ts"

/** A burden that is there for as long as the process that makes it runs. */
export interface RunningBurden extends AsyncDisposable {
  /** Burdens the target for about so long. */
  readonly run: (seconds: number) => Promise<void>
}

/** One burden. */
export interface Burden {
  readonly name: string
  readonly title: string
  /** Its clients are there, and do nothing yet. */
  readonly start: (lunlog: Lunlog) => Promise<RunningBurden>
}

/** The target of the burdens: LUN 0 is a RAM disk, LUN 1 a file. */
export const floodTarget = "iqn.2016-06.io.spdk:flood"
/** Bytes of its disks. */
export const floodBytes = 64 * 1024 * 1024

const kib = 1024
const mib = 1024 * kib

type Load = Pick<LoadOptions, "kind" | "bytes" | "queueDepth" | "sessions"> & Partial<LoadOptions>

const load = (name: string, title: string, options: Load): Burden => ({
  name,
  title,
  start: async (lunlog) => {
    const order = options.bytes > 4 * kib ? "sequential" : "random"
    const common = { ...lunlog.endpoint, targets: [floodTarget], unitBytes: floodBytes, order } as const
    const generator = await startLoad({ ...common, ...options })
    return {
      run: async (seconds) => void (await generator.run(seconds)),
      [Symbol.asyncDispose]: () => generator.stop()
    }
  }
})

/** All burdens. */
export const burdens: ReadonlyArray<Burden> = [
  load("write1m", "1 MiB writes, queue depth 32", { kind: "write", bytes: mib, queueDepth: 32, sessions: 1 }),
  load("write1m-x4", "the same in four sessions", { kind: "write", bytes: mib, queueDepth: 32, sessions: 4 }),
  load("write1m-digests", "1 MiB writes with digests, queue depth 32", {
    kind: "write",
    bytes: mib,
    queueDepth: 32,
    sessions: 1,
    digests: true
  }),
  load("read1m", "1 MiB reads, queue depth 32", { kind: "read", bytes: mib, queueDepth: 32, sessions: 1 }),
  load("read128k", "128 KiB reads, queue depth 32", { kind: "read", bytes: 128 * kib, queueDepth: 32, sessions: 1 }),
  load("read1m-file", "1 MiB reads of a file, queue depth 32", {
    kind: "read",
    bytes: mib,
    queueDepth: 32,
    sessions: 1,
    luns: [1]
  }),
  load("write4k-x8", "4 KiB writes, queue depth 128, eight sessions", {
    kind: "write",
    bytes: 4 * kib,
    queueDepth: 128,
    sessions: 8
  }),
  { name: "erase", title: "WRITE SAME of 32 MiB each, queue depth 8", start: eraseOver(floodTarget) },
  { name: "logins", title: "logins and logouts, 8 at a time", start: logInOver(floodTarget, 8) },
  { name: "discovery", title: "discovery of 1,000 targets, 4 at a time", start: discoverOver(4) },
  { name: "rpc-bdevs", title: "`bdev_get_bdevs` of 10,000 disks", start: repeatCall("bdev_get_bdevs") },
  { name: "rpc-verify", title: "verification of the log", start: repeatCall("eventlog_verify") }
]
