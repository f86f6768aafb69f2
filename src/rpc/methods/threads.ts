/**
 * `framework_get_reactors`, `thread_*`, `framework_get_pci_devices`: the process in SPDK's terms. With one reactor it
 * is that, with the two threads that SPDK has on one core. Of several each is one, with its poll group; what the main
 * thread does is shown as `app_thread` on the first of them. Ticks are nanoseconds. Busy and idle are those of event
 * loops; Node has no pollers and no channels to count.
 */
import { performance } from "node:perf_hooks"
import { Clock, Effect, Schema } from "effect"
import { DataPlane, type ReactorStatus, type ReactorThread } from "../../domain/DataPlane.ts"
import { Instance } from "../Instance.ts"
import { SafeUint64, Text } from "../param.ts"
import { rpcError } from "../RpcError.ts"
import { defineMethod, defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"
import { type InertServices, recordInert } from "./inert.ts"

type Services = InertServices | Instance

/** Ticks are nanoseconds. */
const tickRate = 1_000_000_000
const nanosPerMilli = 1_000_000
const microsPerMilli = 1000

/** A thread in SPDK's sense. */
interface SpdkThread {
  readonly name: string
  readonly id: number
  readonly cpumask: string
}

/** One reactor in SPDK's sense, with what its thread has done; `threads` are those in SPDK's sense. */
interface ShownReactor {
  readonly lcore: number
  readonly thread: ReactorThread
  readonly threads: ReadonlyArray<SpdkThread>
}

const maskOf = (cores: ReadonlyArray<number>): string =>
  cores.reduce((mask, core) => mask | (1n << BigInt(core)), 0n).toString(16)

const appThread = (cores: ReadonlyArray<number>): SpdkThread => ({ name: "app_thread", id: 1, cpumask: maskOf(cores) })

/** The main thread, since its start. */
const mainThread = (): ReactorThread => {
  const { active, idle } = performance.eventLoopUtilization()
  const { system, user } = process.cpuUsage()
  const userMillis = Math.round(user / microsPerMilli)
  const systemMillis = Math.round(system / microsPerMilli)
  return { threadId: process.pid, busyMillis: active, idleMillis: idle, userMillis, systemMillis }
}

const alone = (): ShownReactor => ({
  lcore: 0,
  thread: mainThread(),
  threads: [appThread([0]), { name: "iscsi_poll_group_0", id: 2, cpumask: "1" }]
})

const unknownThread: ReactorThread = { threadId: 0, busyMillis: 0, idleMillis: 0, userMillis: 0, systemMillis: 0 }

/** Several, without the front, which is the main thread. */
const together = (reactors: ReadonlyArray<ReactorStatus>): ReadonlyArray<ShownReactor> => {
  const homes = reactors.filter(({ index }) => index > 0)
  const lcores = homes.map(({ index, thread }) => thread?.core ?? index)
  return homes.map(({ index, thread = unknownThread }, at) => {
    const lcore = lcores[at] ?? index
    const group = { name: `iscsi_poll_group_${lcore}`, id: index + 1, cpumask: maskOf([lcore]) }
    return { lcore, thread, threads: at === 0 ? [appThread(lcores), group] : [group] }
  })
}

const shownReactors = Effect.map(
  Effect.flatMap(DataPlane, ({ status }) => status),
  ({ reactors }) => (reactors.length === 0 ? [alone()] : together(reactors))
)

const ticksOf = ({ busyMillis, idleMillis }: ReactorThread) => ({
  busy: Math.round(busyMillis * nanosPerMilli),
  idle: Math.round(idleMillis * nanosPerMilli)
})

const elapsedTicks = Effect.gen(function* () {
  const { startedAt } = yield* Instance
  return Math.max(0, (yield* Clock.currentTimeMillis) - startedAt) * nanosPerMilli
})

const reactors = Effect.gen(function* () {
  const elapsed = yield* elapsedTicks
  const shown = yield* shownReactors
  return {
    tick_rate: tickRate,
    pid: process.pid,
    reactors: shown.map(({ lcore, thread, threads }) => ({
      lcore,
      numa_id: 0,
      tid: thread.threadId,
      ...ticksOf(thread),
      in_interrupt: false,
      irq: 0,
      sys: thread.systemMillis,
      usr: thread.userMillis,
      lw_threads: threads.map((one) => ({ ...one, elapsed }))
    }))
  }
})

const noPollers = { active_pollers_count: 0, timed_pollers_count: 0, paused_pollers_count: 0 }

/** A loop that several threads share counts for the first of them; the main thread's is that of `app_thread`. */
const threadStats = Effect.map(shownReactors, (shown) => ({
  tick_rate: tickRate,
  threads: shown.flatMap(({ thread, threads }) =>
    threads.map((one) => {
      const isApp = one.id === 1
      const isShared = shown.length === 1 && thread.threadId === process.pid && !isApp
      const ticks = isShared ? { busy: 0, idle: 0 } : ticksOf(isApp ? mainThread() : thread)
      return { ...one, ...ticks, ...noPollers }
    })
  )
}))

const query = (name: string, noParams: string, handler: Effect.Effect<unknown, never, Services>) =>
  defineMethodWithoutParams({ name, kind: "query", noParams, handler: () => handler })

const noArguments = (name: string): string => `'${name}' requires no arguments`

/** SPDK writes these in hexadecimal, or as a list. */
const isCpumask = (mask: string): boolean => /^(?:(?:0x)?[0-9a-f]+|\[[0-9,\- ]+\])$/iu.test(mask)

const allThreads = Effect.map(shownReactors, (shown) => shown.flatMap(({ threads }) => threads))

/** Threads are placed when the target starts. */
const threadSetCpumask = defineMethod<{ readonly id: number; readonly cpumask: string }, InertServices>({
  name: "thread_set_cpumask",
  kind: "change",
  params: Schema.Struct({ id: SafeUint64, cpumask: Text }),
  handler: ({ cpumask, id }, call) =>
    Effect.gen(function* () {
      const threads = yield* allThreads
      if (!threads.some((thread) => thread.id === id)) {
        const message = `Thread ${id} does not exist`
        const allowed = threads.map((thread) => thread.id).join(", ")
        return yield* rpcError({ code: -32602, message }, { reason: message, allowed })
      }
      if (!isCpumask(cpumask)) {
        const message = `Invalid cpumask ${cpumask}`
        return yield* rpcError({ code: -32603, message }, { reason: message, allowed: "such as 0x1 or [0]" })
      }
      return yield* recordInert(call, call.method, { id, cpumask }, String(id))
    })
})

/** This file's methods. */
export const threadMethods: ReadonlyArray<RpcMethod<Services>> = [
  query("framework_get_reactors", "`framework_get_reactors` requires no arguments", reactors),
  query("framework_get_pci_devices", "framework_get_pci_devices requires no parameters", Effect.succeed([])),
  query("thread_get_stats", noArguments("thread_get_stats"), threadStats),
  query(
    "thread_get_pollers",
    noArguments("thread_get_pollers"),
    Effect.map(allThreads, (threads) => ({
      tick_rate: tickRate,
      threads: threads.map(({ id, name }) => ({
        name,
        id,
        active_pollers: [],
        timed_pollers: [],
        paused_pollers: []
      }))
    }))
  ),
  query(
    "thread_get_io_channels",
    noArguments("thread_get_io_channels"),
    Effect.map(allThreads, (threads) => ({
      tick_rate: tickRate,
      threads: threads.map(({ name }) => ({ name, io_channels: [] }))
    }))
  ),
  threadSetCpumask
]
