/**
 * `framework_get_reactors`, `thread_*`, `framework_get_pci_devices`: the process in SPDK's terms, one reactor with the
 * two threads that SPDK has on one core. Ticks are nanoseconds. Busy and idle are those of the event loop of the main
 * thread; Node has no pollers and no channels to count.
 */
import { performance } from "node:perf_hooks"
import { Clock, Effect, Schema } from "effect"
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

const threads = [
  { name: "app_thread", id: 1, cpumask: "1" },
  { name: "iscsi_poll_group_0", id: 2, cpumask: "1" }
] as const

/** Of the main thread's event loop, in ticks. */
const loopTicks = () => {
  const { active, idle } = performance.eventLoopUtilization()
  return { busy: Math.round(active * nanosPerMilli), idle: Math.round(idle * nanosPerMilli) }
}

const elapsedTicks = Effect.gen(function* () {
  const { startedAt } = yield* Instance
  return Math.max(0, (yield* Clock.currentTimeMillis) - startedAt) * nanosPerMilli
})

const reactors = Effect.gen(function* () {
  const elapsed = yield* elapsedTicks
  const { system, user } = process.cpuUsage()
  const reactor = {
    lcore: 0,
    numa_id: 0,
    tid: process.pid,
    ...loopTicks(),
    in_interrupt: false,
    irq: 0,
    sys: Math.round(system / microsPerMilli),
    usr: Math.round(user / microsPerMilli),
    lw_threads: threads.map((thread) => ({ ...thread, elapsed }))
  }
  return { tick_rate: tickRate, pid: process.pid, reactors: [reactor] }
})

const noPollers = { active_pollers_count: 0, timed_pollers_count: 0, paused_pollers_count: 0 }

/** The event loop is shared, so its time counts for the first thread only. */
const threadStats = Effect.sync(() => ({
  tick_rate: tickRate,
  threads: threads.map((thread) => ({
    ...thread,
    ...(thread.id === 1 ? loopTicks() : { busy: 0, idle: 0 }),
    ...noPollers
  }))
}))

const query = (name: string, noParams: string, handler: Effect.Effect<unknown, never, Services>) =>
  defineMethodWithoutParams({ name, kind: "query", noParams, handler: () => handler })

const noArguments = (name: string): string => `'${name}' requires no arguments`

/** SPDK writes these in hexadecimal, or as a list. */
const isCpumask = (mask: string): boolean => /^(?:(?:0x)?[0-9a-f]+|\[[0-9,\- ]+\])$/iu.test(mask)

/** Threads are Node's to place. */
const threadSetCpumask = defineMethod<{ readonly id: number; readonly cpumask: string }, InertServices>({
  name: "thread_set_cpumask",
  kind: "change",
  params: Schema.Struct({ id: SafeUint64, cpumask: Text }),
  handler: ({ cpumask, id }, call) =>
    Effect.gen(function* () {
      if (!threads.some((thread) => thread.id === id)) {
        const message = `Thread ${id} does not exist`
        return yield* rpcError({ code: -32602, message }, { reason: message, allowed: "1 or 2" })
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
    Effect.succeed({
      tick_rate: tickRate,
      threads: threads.map(({ id, name }) => ({
        name,
        id,
        active_pollers: [],
        timed_pollers: [],
        paused_pollers: []
      }))
    })
  ),
  query(
    "thread_get_io_channels",
    noArguments("thread_get_io_channels"),
    Effect.succeed({ tick_rate: tickRate, threads: threads.map(({ name }) => ({ name, io_channels: [] })) })
  ),
  threadSetCpumask
]
