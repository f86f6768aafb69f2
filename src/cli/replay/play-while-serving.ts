/** The replay of a fork in the foreground: begins when initiators are let in, and tells each record as it is passed. */
import { Console, Effect } from "effect"
import type { Pace } from "../../history/replay/pace.ts"
import { type PassedRecord, Replayer } from "../../history/replay/Replayer.ts"
import { Instance } from "../../rpc/Instance.ts"
import { printJson } from "../../rpc/json-print.ts"
import { recordInWords } from "../../rpc/methods/eventlog/record-view.ts"
import { passedLine } from "./replay-text.ts"

const pollMillis = 200
const pageRecords = 200

const tell =
  (json: boolean) =>
  ({ note, record }: PassedRecord) => {
    const view = { ...recordInWords(record), ...(note === undefined ? {} : { note }) }
    return Console.log(json ? printJson(view) : passedLine(view))
  }

const endText = { finished: "is at its end", stopped: "was stopped" }

/** Tells what is passed, whoever plays it, until there is no more. */
const tellPassed = (json: boolean) =>
  Effect.gen(function* () {
    const replayer = yield* Replayer
    let after = (yield* replayer.status).position
    for (;;) {
      const { phase } = yield* replayer.status
      const { isLast, records } = yield* replayer.passed(after, pageRecords)
      yield* Effect.forEach(records, tell(json), { discard: true })
      after = records.at(-1)?.record.seq ?? after
      if (isLast && (phase === "finished" || phase === "stopped")) {
        if (!json) yield* Console.log(`The replay ${endText[phase]}; the fork goes on.`)
        return
      }
      if (isLast) yield* Effect.sleep(pollMillis)
    }
  })

/** Plays at a pace, or waits to be told (undefined). For `ServerSettings.whileServing`. */
export const playWhileServing = (
  pace: Pace | undefined,
  json: boolean
): Effect.Effect<void, never, Replayer | Instance> =>
  Effect.gen(function* () {
    yield* (yield* Instance).awaitRuntime
    const { run } = yield* Replayer
    const playing = pace === undefined ? Effect.void : run(pace)
    yield* Effect.all([tellPassed(json), playing], { concurrency: "unbounded", discard: true })
  }).pipe(Effect.catch((error) => Effect.logWarning(error.message)))
