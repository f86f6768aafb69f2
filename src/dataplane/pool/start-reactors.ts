/** The reactors that a target is started with: one, in this thread or another, or several behind one boundary. */
import { libc } from "../../host/libc.ts"
import { placesOf } from "../iscsi/handover/Place.ts"
import { SessionCounts } from "../iscsi/handover/SessionCounts.ts"
import type { NodeOptions } from "../iscsi/IscsiNode.ts"
import { connectionsDefault } from "../limits.ts"
import { MemoryBudget } from "../MemoryBudget.ts"
import { mainThreadReactor } from "../reactor/main-thread-reactor.ts"
import type { ReactorPort } from "../reactor/protocol.ts"
import type { ReactorSurroundings } from "../reactor/Reactor.ts"
import { workerReactor } from "../reactor/worker-reactor.ts"
import { abandonConnection } from "./abandon-connection.ts"
import { ReactorPool } from "./ReactorPool.ts"
import { SlabPool } from "./SlabPool.ts"

/** How many, and where. */
export interface ReactorSettings {
  /** Where one reactor runs. */
  readonly reactor: "main" | "worker"
  /** Reactors beside the main thread, which has the front then; 0 or absent: one reactor. */
  readonly workers?: number
  /** The core of each reactor; the system decides if absent. */
  readonly cores?: ReadonlyArray<number>
}

/** What all of them have from their process. */
export type SharedSurroundings = ReactorSurroundings & { readonly memory: SharedArrayBuffer }

/** What a thread could not be given, for people. */
export type Warn = (warning: string) => void

/** This thread may run on all cores of its reactors, so that what it does stays on them as well. */
const pinThisThread = (cores: ReadonlyArray<number>, warn: Warn): boolean => {
  const calls = libc()
  try {
    if (typeof calls === "string") throw new Error(calls)
    calls.pinThread(cores)
    return true
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    warn(`threads are not kept on the cores ${cores.join(",")}: ${reason}`)
    return false
  }
}

/** Starts a reactor that has targets. */
export type StartHome = typeof workerReactor

/** So many homes, each on its core if there are some; tests have them in one thread. Throws without system calls. */
export const startPool = (
  workers: number,
  cores: ReadonlyArray<number> | undefined,
  options: NodeOptions,
  surroundings: SharedSurroundings,
  startHome: StartHome = workerReactor
): ReactorPort => {
  const calls = libc()
  if (typeof calls === "string") throw new Error(`several reactors need system calls, and ${calls}`)
  const { memory } = surroundings
  const budget = new MemoryBudget(memory)
  const places = placesOf(workers, surroundings.peerLimits?.connections ?? connectionsDefault)
  const [front] = places
  if (front === undefined) throw new Error("no place for the front")
  return new ReactorPool({
    homes: workers,
    make: (index) => {
      const own = { ...surroundings, place: places[index] }
      if (index === 0) return mainThreadReactor(options, own)
      return startHome(options, { ...own, core: cores?.[index - 1] })
    },
    memory: new SlabPool(budget.account("disks"), calls.release),
    abandon: (handOver) => void abandonConnection(front, handOver),
    forgetMember: (index) => {
      const place = places[index]
      if (place !== undefined) new SessionCounts(place).forget()
      budget.forget(index)
    }
  })
}

/** Starts them. */
export const startReactors = (
  { cores, reactor, workers = 0 }: ReactorSettings,
  options: NodeOptions,
  surroundings: SharedSurroundings,
  warn: Warn
): ReactorPort => {
  const pinned = cores !== undefined && pinThisThread(cores, warn) ? cores : undefined
  if (workers > 0) return startPool(workers, pinned, options, surroundings)
  return reactor === "worker" ? workerReactor(options, surroundings) : mainThreadReactor(options, surroundings)
}
