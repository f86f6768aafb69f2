/** Starts the reactors of a pool: the front in this thread, and each home in one of its own. */
import { libc } from "../../host/libc.ts"
import { placesOf } from "../iscsi/handover/Place.ts"
import { SessionCounts } from "../iscsi/handover/SessionCounts.ts"
import type { NodeOptions } from "../iscsi/IscsiNode.ts"
import { connectionsDefault } from "../limits.ts"
import { MemoryBudget } from "../MemoryBudget.ts"
import { defaultMemoryBytes } from "../memory-limit.ts"
import { mainThreadReactor } from "../reactor/main-thread-reactor.ts"
import type { ReactorPort } from "../reactor/protocol.ts"
import type { ReactorSurroundings } from "../reactor/Reactor.ts"
import { workerReactor } from "../reactor/worker-reactor.ts"
import { abandonConnection } from "./abandon-connection.ts"
import { ReactorPool } from "./ReactorPool.ts"
import { SlabPool } from "./SlabPool.ts"

/** How a reactor is started. */
export type StartReactor = (options: NodeOptions, surroundings: ReactorSurroundings) => ReactorPort

/** Why several reactors cannot be had; undefined: they can. */
export const poolProblem = (): string | undefined => {
  const calls = libc()
  return typeof calls === "string" ? calls : undefined
}

/** A pool of so many homes; `startHome` is for tests, which have all of them in one thread. Throws `poolProblem`. */
export const startPool = (
  homes: number,
  options: NodeOptions,
  surroundings: ReactorSurroundings = {},
  startHome: StartReactor = workerReactor
): ReactorPool => {
  const calls = libc()
  if (typeof calls === "string") throw new Error(calls)
  const memory = surroundings.memory ?? MemoryBudget.sized(defaultMemoryBytes()).shared
  const budget = new MemoryBudget(memory)
  const places = placesOf(homes, surroundings.peerLimits?.connections ?? connectionsDefault)
  const [front] = places
  if (front === undefined) throw new RangeError("a pool has a front")
  return new ReactorPool({
    homes,
    make: (index) => {
      const own = { ...surroundings, memory, place: places[index] }
      return index === 0 ? mainThreadReactor(options, own) : startHome(options, own)
    },
    memory: new SlabPool(budget.account("disks"), calls.release),
    abandon: (handOver) => void abandonConnection(front, handOver),
    forgetMember: (index) => {
      const place = places[index]
      budget.forget(index)
      if (place !== undefined) new SessionCounts(place).forget()
    }
  })
}
