/** `lunlog log diff A B`: what changed between two moments, and who did it. */
import { Console, Effect, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { jsonFlag, sourceFlags, sourceOf } from "./log-flags.ts"
import type { LogSource } from "./log-source.ts"
import { type ChangesWish, changedObjects, objectLines } from "./object-changes.ts"
import { placeArgument, placeParam } from "./place-flag.ts"
import { wantsColours } from "./record-line.ts"
import { unifiedDiff } from "./unified-diff.ts"

/** As diff(1) has them: nothing differs, something does, trouble. */
const [same, different, trouble] = [0, 1, 2] as const

const failedAs = (error: CliFailure): CliFailure => new CliFailure({ message: error.message, exitCode: trouble })

/** All pages, printed as they come. Gives whether anything differs. */
const showChanges = (source: LogSource, asked: ChangesWish, json: boolean) =>
  Effect.gen(function* () {
    const style = { colours: wantsColours(), fields: false }
    let differs = false
    yield* Stream.runForEach(changedObjects(source, asked), (one) => {
      differs = true
      return Console.log(json ? printJson(one) : objectLines(one, style).join("\n"))
    })
    return differs
  })

/** The command. */
export const diffCommand = Command.make(
  "diff",
  {
    ...sourceFlags,
    from: placeArgument("from", 'The earlier moment: a record, HEAD-5, 14:03, "1 hour ago" ...'),
    to: placeArgument("to", "The later one; HEAD if left out").pipe(Argument.withDefault("HEAD")),
    unified: Flag.Boolean("unified").pipe(
      Flag.withAlias("u"),
      Flag.withDescription("The two configuration files compared line by line, by diff -u"),
      Flag.withDefault(false)
    ),
    records: Flag.Boolean("records").pipe(
      Flag.withDescription("With the records that did it; --no-records is faster where much has changed"),
      Flag.withDefault(true)
    ),
    json: jsonFlag("As JSON, one object per line")
  },
  Effect.fn(
    function* ({ json, records, unified, ...input }) {
      const params = { from: yield* placeParam(input.from), to: yield* placeParam(input.to) }
      const source = yield* sourceOf(input)
      const differs = unified
        ? yield* unifiedDiff(source, params)
        : yield* showChanges(source, { ...params, by: records }, json)
      const code = differs ? different : same
      if (code !== same) return yield* new CliFailure({ message: "", exitCode: code })
    },
    Effect.scoped,
    Effect.mapError((error) => (error.exitCode === different ? error : failedAs(error)))
  )
).pipe(
  Command.withDescription(
    "Show what changed between two moments, and for each change the records that did it: who, when, by which method. " +
      "Exit code 0 if nothing differs, 1 if something does, 2 if that cannot be told."
  ),
  Command.withExamples([
    { command: 'lunlog log diff "10 minutes ago"', description: "What has changed since" },
    { command: "lunlog log diff 4710 4711", description: "What record 4711 did" },
    { command: "lunlog log diff --unified yesterday HEAD" }
  ])
)
