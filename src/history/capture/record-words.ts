/** What records that PDUs led to say, for comments of packets: `TaskManagement: AbortTask of LUN 0 by ...`. */
import { Effect } from "effect"
import type { LogArchive } from "../../../eventlog/LogArchive.ts"
import type { ConnectionCapture } from "../../domain/capture/ConnectionCapture.ts"
import { recordAt } from "../causality/CausalNode.ts"
import { describeRecord } from "../describe/describe-record.ts"

/** By seq. What the log does not have any more, or cannot read, is left out. */
export const recordWords = (
  log: LogArchive["Service"],
  captures: ReadonlyArray<ConnectionCapture>
): Effect.Effect<ReadonlyMap<number, string>> =>
  Effect.gen(function* () {
    const words = new Map<number, string>()
    const seqs = new Set(captures.flatMap(({ records }) => records.map(({ seq }) => seq)))
    for (const seq of seqs) {
      const record = yield* Effect.orElseSucceed(recordAt(log, seq), () => undefined)
      if (record !== undefined) words.set(seq, `${record.type}: ${describeRecord(record)}`)
    }
    return words
  })
