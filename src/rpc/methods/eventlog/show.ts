/** `eventlog_show`: one record, with what led to it and what came of it. */
import { Effect, Schema } from "effect"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import { type CausalNode, CausalWalk, recordAt } from "../../../history/causality/CausalNode.ts"
import { causesOf } from "../../../history/causality/causes.ts"
import { consequencesOf } from "../../../history/causality/consequences.ts"
import { objectsOf } from "../../../history/record-tags.ts"
import { errnoError, type RpcError, rpcError } from "../../RpcError.ts"
import { anyState, defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { logError } from "../dispatch.ts"
import { momentOf, Place } from "./place.ts"
import { recordBrief, recordInWords } from "./record-view.ts"

/** Objects that are named: a file that is applied may be about thousands. */
const objectsMax = 50

const leftOutView = ({ leftOut }: Pick<CausalNode, "leftOut">) =>
  leftOut === undefined
    ? {}
    : { left_out: { count: leftOut.count, at_least: leftOut.isAtLeast, filter: leftOut.filter } }

const nodeView = (node: CausalNode): unknown => ({
  relation: node.relation,
  record: recordBrief(node.record),
  children: node.children.map(nodeView),
  ...leftOutView(node)
})

const missing = (seq: number, log: LogArchive["Service"]): RpcError => {
  const [first, last] = [log.beginning()?.controlSeq ?? 0, log.durable().seq]
  const gone = seq === 0 ? "the first one is 1" : "it was dropped, or compacted away"
  const why = seq > last ? `the last one is ${last}` : gone
  const reason = `the log has no record ${seq}: ${why}`
  return rpcError(errnoError("ENODEV"), { reason, object: `record ${seq}`, allowed: `${first + 1} to ${last}` })
}

/** Causes and consequences are trees; long lists are cut and say what shows the rest. */
const eventlogShow = defineMethod({
  name: "eventlog_show",
  states: anyState,
  kind: "wait",
  params: Schema.Struct({ seq: Place }),
  handler: ({ seq: place }) =>
    Effect.gen(function* () {
      const log = yield* LogArchive
      const seq = yield* momentOf("seq", place)
      const record = yield* Effect.mapError(recordAt(log, seq), logError)
      if (record === undefined) return yield* missing(seq, log)
      const walk = new CausalWalk(log, record)
      const causes = yield* Effect.mapError(causesOf(walk, record), logError)
      const after = yield* Effect.mapError(consequencesOf(walk, record), logError)
      return {
        record: recordInWords(record),
        objects: objectsOf(record).slice(0, objectsMax),
        causes: causes.map(nodeView),
        consequences: after.children.map(nodeView),
        ...leftOutView(after)
      }
    })
})

/** This file's methods. */
export const showMethods: ReadonlyArray<RpcMethod<LogArchive>> = [eventlogShow]
