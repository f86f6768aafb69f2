/** `lunlog plan FILE`: what applying a file would do to a running target. Changes nothing. */
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CliFailure } from "../CliFailure.ts"
import { printPretty } from "../print-json.ts"
import { socketFlag } from "../serve/server-flags.ts"
import { askForPlan, type PlanFlags, uploadFile } from "./plan-call.ts"
import { planText } from "./plan-text.ts"

/** Exit code of a plan that has something to do. */
const changesExitCode = 2

/** What `plan` and `apply` share. */
export const planParameters = {
  socket: socketFlag,
  file: Argument.String("file").pipe(Argument.withDescription("Configuration: lunlog's YAML or JSON, or iscsi.conf")),
  enforce: Flag.Boolean("enforce").pipe(
    Flag.withDescription("What was changed by RPC since the file was applied is made what the file says"),
    Flag.withDefault(false)
  ),
  prune: Flag.Boolean("prune").pipe(
    Flag.withDescription("What no file has made is removed too"),
    Flag.withDefault(false)
  ),
  replace: Flag.Boolean("replace").pipe(
    Flag.withDescription("Disks in memory that cannot be changed are made anew; their data are gone"),
    Flag.withDefault(false)
  ),
  target: Flag.String("target").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("Only this target and what it needs"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("As JSON, with all fields"), Flag.withDefault(false))
}

/** As the methods take them. */
export const planFlags = (input: {
  readonly enforce: boolean
  readonly prune: boolean
  readonly replace: boolean
  readonly target: Option.Option<string>
}): PlanFlags => {
  const { enforce, prune, replace } = input
  const target = Option.getOrUndefined(input.target)
  return { enforce, prune, replace, ...(target === undefined ? {} : { target }) }
}

/** The command. */
export const planCommand = Command.make(
  "plan",
  planParameters,
  Effect.fn(function* (input) {
    const { readTargetFile } = yield* Effect.promise(() => import("./config-source.ts"))
    const { file } = yield* readTargetFile(input.file)
    for (const warning of file.warnings) yield* Console.error(`lunlog: ${warning}`)
    const session = yield* uploadFile(input.socket, file, planFlags(input))
    const { answer, view } = yield* askForPlan(session)
    yield* Console.log(input.json ? printPretty(answer) : planText(view))
    if (view.steps.length > 0) return yield* new CliFailure({ message: "", exitCode: changesExitCode })
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Show what applying a configuration would change. Exit code 0: nothing; 2: something; 1: it cannot be applied."
  )
)
