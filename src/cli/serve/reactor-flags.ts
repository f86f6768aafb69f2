/** What a server's command line says of the threads that do IO: how many, and on which cores. */
import { availableParallelism } from "node:os"
import { Effect, Option } from "effect"
import { Flag } from "effect/cli"
import { libc } from "../../host/libc.ts"
import { CliFailure } from "../CliFailure.ts"
import { coresText, parseCpuMask } from "./cpu-mask.ts"

/** Threads that one target may have for IO. */
export const workersMax = 64

/** Where IO is done. */
export interface ReactorPlan {
  /** Of one reactor: in which thread. */
  readonly reactor: "main" | "worker"
  /** Reactors beside the main thread; 0: one reactor does everything. */
  readonly workers: number
  /** The core of each reactor; undefined: the system decides. */
  readonly cores?: ReadonlyArray<number>
}

/** What the flags gave. */
export interface ReactorInput {
  readonly reactor: Option.Option<"main" | "worker">
  readonly workers: Option.Option<number>
  readonly cpumask: Option.Option<string>
}

/** Flags of `serve` and `fork`. */
export const reactorFlags = {
  reactor: Flag.Literals("reactor", ["main", "worker"]).pipe(
    Flag.withDescription("Run the one reactor in the main thread (default) or in a worker thread"),
    Flag.optional
  ),
  workers: Flag.Int("workers").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(
      `Spread targets over N threads, 1 to ${workersMax} (default 0: the main thread does all IO; docs/multi-core.md)`
    ),
    Flag.filter(
      (value) => value >= 0 && value <= workersMax,
      (value) => `${value} is out of range; use 0 to ${workersMax}`
    ),
    Flag.optional
  ),
  cpumask: Flag.String("cpumask").pipe(
    Flag.withAlias("m"),
    Flag.withMetavar("MASK"),
    Flag.withDescription("One thread for IO on each of these cores, as in SPDK: 0x3, [0,1] or [0-3,5]"),
    Flag.optional
  )
}

/** What this depends on of the machine. */
export interface Cores {
  /** Those that this process may run on. */
  readonly available: ReadonlyArray<number>
  /** Why threads cannot be pinned, and connections not be handed from one to another; undefined if they can. */
  readonly problem: string | undefined
}

const coresHere = (): Cores => {
  const calls = libc()
  const all = Array.from({ length: availableParallelism() }, (_, core) => core)
  return typeof calls === "string"
    ? { available: all, problem: calls }
    : { available: calls.threadCores(), problem: undefined }
}

const refused = (message: string): Effect.Effect<never, CliFailure> => Effect.fail(new CliFailure({ message }))

const withPackages = "install lunlog with its optional packages (npm leaves them out with --omit=optional)"

const needsLibc = (what: string, problem: string) =>
  refused(`${what}: threads cannot hand connections over here, as ${problem}; ${withPackages}, or use one thread`)

const masked = (mask: string, { available, problem }: Cores): Effect.Effect<ReactorPlan, CliFailure> => {
  const cores = parseCpuMask(mask)
  if ("problem" in cores) return refused(`-m ${mask}: ${cores.problem}`)
  const absent = cores.filter((core) => !available.includes(core))
  if (absent.length > 0) {
    const found = coresText(available)
    const which = absent.length === 1 ? `lcore ${absent[0]}` : `lcores ${coresText(absent)}`
    return refused(`-m ${mask}: ${which} unavailable; please check that the cores are part of ${found}`)
  }
  if (cores.length > workersMax) return refused(`-m ${mask}: ${cores.length} cores; use ${workersMax} at most`)
  if (cores.length > 1) {
    const plan: ReactorPlan = { reactor: "main", workers: cores.length, cores }
    return problem === undefined ? Effect.succeed(plan) : needsLibc(`-m ${mask}`, problem)
  }
  if (problem === undefined) return Effect.succeed({ reactor: "main", workers: 0, cores })
  const alone: ReactorPlan = { reactor: "main", workers: 0 }
  return Effect.as(Effect.logWarning(`-m ${mask}: the thread stays on no core of its own, as ${problem}`), alone)
}

/** What is to run, or why it cannot. `coresOf` is asked only if there is a reason to: it takes some 15 ms. */
export const planReactors = (
  input: ReactorInput,
  coresOf: () => Cores = coresHere
): Effect.Effect<ReactorPlan, CliFailure> =>
  Effect.gen(function* () {
    const mask = Option.getOrUndefined(input.cpumask)
    const workers = Option.getOrUndefined(input.workers)
    const reactor = Option.getOrUndefined(input.reactor)
    if (mask !== undefined && workers !== undefined) {
      return yield* refused("-m and --workers: each says how many threads there are; use one of them")
    }
    if (reactor === "worker" && (mask !== undefined || (workers ?? 0) > 0)) {
      const other = mask === undefined ? "--workers" : "-m"
      return yield* refused(`--reactor worker is one thread for all IO, ${other} is one or more; use one of them`)
    }
    if (mask !== undefined) return yield* masked(mask, coresOf())
    if (workers === undefined || workers === 0) return { reactor: reactor ?? "main", workers: 0 } as const
    const cores = coresOf()
    if (cores.problem !== undefined) return yield* needsLibc(`--workers ${workers}`, cores.problem)
    if (workers > cores.available.length) {
      const found = `this process may run on ${cores.available.length} (${coresText(cores.available)})`
      yield* Effect.logWarning(`--workers ${workers}: more threads than cores gain nothing; ${found}`)
    }
    return { reactor: "main", workers } as const
  })
