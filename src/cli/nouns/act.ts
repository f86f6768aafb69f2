/** What all nouns and verbs share: the socket, `--json`, one connection, a table or a sentence as the answer. */
import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import type { CliFailure } from "../CliFailure.ts"
import { showingDrains } from "../drain-watch.ts"
import { printPretty } from "../print-json.ts"
import { printableLines } from "../printable.ts"
import { type Call, makeCall } from "../rpc/rpc-session.ts"
import { socketFlag } from "../serve/server-flags.ts"
import { table } from "../table.ts"

/** A removal waits for commands in flight as long as the target lets it; in milliseconds. */
const timeoutMillis = 300_000

/** Flags of every verb. */
export const shared = {
  socket: socketFlag,
  json: Flag.Boolean("json").pipe(Flag.withDescription("As JSON"), Flag.withDefault(false))
}

/** What a verb has to say: to programs, and to people. */
export interface Outcome {
  readonly json: unknown
  readonly text: string
}

/** Runs a verb over one connection, shows what it waits for, and prints its outcome. */
export const act = <R>(
  { json, socket }: { readonly socket: string; readonly json: boolean },
  run: (call: Call) => Effect.Effect<Outcome, CliFailure, R>
): Effect.Effect<void, CliFailure, R> =>
  Effect.gen(function* () {
    const call = yield* makeCall({ socket, timeoutMillis, retries: 0, verbose: false })
    const outcome = yield* showingDrains(socket, run(call))
    yield* Console.log(json ? printPretty(outcome.json) : printableLines(outcome.text))
  }).pipe(Effect.scoped)

/** Of `list`: only names. */
export const namesFlag = Flag.Boolean("names").pipe(
  Flag.withDescription("Only names, one per line, for scripts"),
  Flag.withDefault(false)
)

/** A table, or `none` if there is no row. */
export const listing = (
  none: string,
  heads: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): string => (rows.length === 0 ? none : table(heads, rows))

/** `1 LUN`, `2 LUNs`. */
export const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`

/** A sentence on what a verb does, and lines that show it. */
export const about = (text: string, ...examples: ReadonlyArray<string>) => {
  const described = Command.withDescription(text)
  const shown = Command.withExamples(examples.map((command) => ({ command: `lunlog ${command}` })))
  return <const Name extends string, Input, ContextInput, E, R>(
    command: Command.Command<Name, Input, ContextInput, E, R>
  ): Command.Command<Name, Input, ContextInput, E, R> => shown(described(command))
}
