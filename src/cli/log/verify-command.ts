/** `lunlog log verify`: whether the whole log is what it should be. */
import { Console, Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { jsonFlag, sourceFlags, sourceOf } from "./log-flags.ts"
import { ask } from "./log-source.ts"

const Verified = Schema.Struct({
  control: Schema.Number,
  observations: Schema.Number,
  last_seq: Schema.Number,
  control_hash: Schema.String
})

/** Reading a whole log takes as long as it takes; in milliseconds. */
const verifyMillis = 3_600_000

/** On a terminal only, and over itself. */
const showProgress = (done: number, total: number): void => {
  if (!process.stderr.isTTY) return
  const end = done >= total ? "\n" : ""
  process.stderr.write(`\rverifying: ${done} of ${total} records${end}`)
}

/** The command. */
export const verifyCommand = Command.make(
  "verify",
  { ...sourceFlags, json: jsonFlag() },
  Effect.fn(function* (input) {
    const options = { timeoutMillis: verifyMillis, onProgress: showProgress }
    const found = yield* ask(yield* sourceOf(input), Verified, "eventlog_verify", undefined, options)
    const { control, control_hash: controlHash, last_seq: lastSeq, observations } = found
    if (input.json) return yield* Console.log(printJson({ clean: true, control, observations, lastSeq, controlHash }))
    yield* Console.log(
      `clean: ${control} control records and ${observations} observations, up to record ${lastSeq}\n` +
        `hash of the last control record: ${controlHash}`
    )
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Read every record and check its bytes, its place and its chain. A damaged log is served again, without what is " +
      "gone, by lunlog serve --accept-log-loss; keep a copy of the directory first."
  )
)
