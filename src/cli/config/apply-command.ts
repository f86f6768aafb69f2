/** `lunlog apply FILE`: makes a running target what a file says, after showing what that means. */
import { createInterface } from "node:readline/promises"
import { Console, Effect, Schedule } from "effect"
import { Command, Flag } from "effect/cli"
import { CliFailure } from "../CliFailure.ts"
import { printPretty } from "../print-json.ts"
import type { ConfigSources } from "./config-source.ts"
import { applyPlan, askForPlan, type PlanFlags, type PlanSession, uploadFile } from "./plan-call.ts"
import { planFlags, planParameters } from "./plan-command.ts"
import { type PlanView, planText } from "./plan-text.ts"
import { showProgress } from "./progress.ts"

/** Plans that are made before it is given up: each time somebody else has changed the target in between. */
const plansMax = 5

interface ApplyInput {
  readonly socket: string
  readonly path: string
  readonly flags: PlanFlags
  readonly yes: boolean
  readonly json: boolean
}

const isTerminal = (): boolean => process.stdin.isTTY === true && process.stdout.isTTY === true

const ask = Effect.promise(async (signal) => {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(?:es)?$/iu.test((await lines.question("Apply? [y/N] ", { signal })).trim())
  } catch {
    return false
  } finally {
    lines.close()
  }
})

/** Asks whoever is there; without a terminal there is nobody. */
const confirm = ({ json, yes }: ApplyInput, view: PlanView): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    if (yes || view.steps.length === 0) return
    if (json || !isTerminal()) {
      const message = "nothing was applied: there is no terminal to ask on; give --yes to apply without being asked"
      return yield* new CliFailure({ message })
    }
    if (!(yield* ask)) return yield* new CliFailure({ message: "nothing was applied" })
  })

/** One plan, shown, confirmed and carried out. */
const applyOnce = (input: ApplyInput, session: PlanSession) =>
  Effect.gen(function* () {
    const { answer, view } = yield* askForPlan(session)
    if (!input.json) yield* Console.log(planText(view))
    yield* confirm(input, view)
    const applied = yield* Effect.raceFirst(applyPlan(session, view.digest), showProgress(input.socket))
    if (input.json) yield* Console.log(printPretty(view.steps.length === 0 ? answer : applied))
    else if (view.steps.length > 0) yield* Console.error("applied")
  })

/** Reads the file, and applies it as often as it takes to meet the target as it was planned for. */
const applyFile = (input: ApplyInput): Effect.Effect<ConfigSources, CliFailure> =>
  Effect.gen(function* () {
    const { readTargetFile } = yield* Effect.promise(() => import("./config-source.ts"))
    const { file, sources } = yield* readTargetFile(input.path)
    for (const warning of file.warnings) yield* Console.error(`lunlog: ${warning}`)
    const session = yield* uploadFile(input.socket, file, input.flags)
    const moved = Console.error("lunlog: the target has changed since the plan was made; this is the new one")
    yield* applyOnce(input, session).pipe(
      Effect.tapError((error) => (error._tag === "TargetMoved" ? moved : Effect.void)),
      Effect.retry({ while: (error) => error._tag === "TargetMoved", schedule: Schedule.recurs(plansMax - 1) }),
      Effect.catchTag("TargetMoved", () =>
        Effect.fail(new CliFailure({ message: "the target changes all the time; nothing was applied" }))
      )
    )
    return sources
  }).pipe(Effect.scoped)

/** From then on whenever the file has changed; what is wrong with it is told, and the next change awaited. */
const keepApplying = (input: ApplyInput, first: ConfigSources) =>
  Effect.gen(function* () {
    const { awaitChange, seenNow } = yield* Effect.promise(() => import("../serve/watch-files.ts"))
    let sources = first
    yield* Console.error(`lunlog: watching ${input.path}; Ctrl-C ends it`)
    while (true) {
      yield* awaitChange(sources)
      const before = yield* seenNow(sources)
      sources = yield* Effect.catch(applyFile(input), ({ message }) =>
        Effect.as(Console.error(`lunlog: ${message}`), before)
      )
    }
  })

/** The command. */
export const applyCommand = Command.make(
  "apply",
  {
    ...planParameters,
    yes: Flag.Boolean("yes").pipe(
      Flag.withAlias("y"),
      Flag.withDescription("Apply without asking"),
      Flag.withDefault(false)
    ),
    watch: Flag.Boolean("watch").pipe(
      Flag.withDescription("Stay, and apply the file again whenever it changes; needs --yes"),
      Flag.withDefault(false)
    )
  },
  Effect.fn(function* (given) {
    const { json, socket, watch, yes } = given
    if (watch && !yes) {
      return yield* new CliFailure({ message: "--watch applies what comes later without asking; give --yes with it" })
    }
    const input = { socket, path: given.file, flags: planFlags(given), yes, json }
    const sources = yield* applyFile(input)
    if (watch) yield* keepApplying(input, sources)
  })
).pipe(
  Command.withDescription(
    "Make a running target what a configuration says. Shows the plan and asks first; what is removed is drained."
  )
)
