/** `lunlog convert IN`: another target's configuration in lunlog's own format. */
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"

/** The command; loads its code when it runs. */
export const convertCommand = Command.make(
  "convert",
  {
    source: Argument.String("in").pipe(Argument.withDescription("The file to convert; - is stdin")),
    output: Flag.String("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("OUT"),
      Flag.withDescription("Where to write; stdout if absent. Made with mode 0600"),
      Flag.optional
    ),
    from: Flag.Literals("from", ["iscsi.conf", "spdk", "targetcli", "tgt"]).pipe(
      Flag.withDescription("Format of the file; known by its content if absent"),
      Flag.optional
    ),
    strict: Flag.Boolean("strict").pipe(
      Flag.withDescription("Exit code 1, and write nothing, if anything cannot be carried over"),
      Flag.withDefault(false)
    ),
    force: Flag.Boolean("force").pipe(Flag.withDescription("Replace OUT if it is there"), Flag.withDefault(false))
  },
  Effect.fn(function* (input) {
    const { convert } = yield* Effect.promise(() => import("./convert.ts"))
    yield* convert({
      ...input,
      output: Option.getOrUndefined(input.output),
      from: Option.getOrUndefined(input.from)
    })
  })
).pipe(
  Command.withDescription(
    "Write another target's configuration in lunlog's own format. What cannot be carried over is a warning on stderr."
  )
)
