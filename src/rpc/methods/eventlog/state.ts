/** `eventlog_state`: what the target was at any moment. */
import { Effect, Option, Schema, Stream } from "effect"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import type { Secrets } from "../../../domain/Secrets.ts"
import { encodeSnapshot } from "../../../domain/snapshot-codec.ts"
import { stateAt } from "../../../history/state-at.ts"
import { type Moment, stateHeader } from "../../../history/state-notes.ts"
import { exportFormats } from "../../export-formats.ts"
import { optional } from "../../param.ts"
import type { RpcError } from "../../RpcError.ts"
import { anyState, defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { logError } from "../dispatch.ts"
import { historyError, momentOf, Place } from "./place.ts"

/** Names come from everywhere: a line break in one must not end the comment. */
const comment = (lines: ReadonlyArray<string>): string =>
  lines.map((line) => `# ${line.replace(/\p{Cc}|\p{Zl}|\p{Zp}/gu, "?")}\n`).join("")

/** When the last record up to `seq` was written. */
const timeOf = (seq: number): Effect.Effect<number | undefined, RpcError, LogArchive> =>
  Effect.gen(function* () {
    const log = yield* LogArchive
    const last = Stream.runHead(log.find({ tags: [], to: seq, reverse: true }))
    return Option.getOrUndefined(yield* Effect.mapError(last, logError))?.at
  })

const momentView = ({ at, controlHash, controlNo, controlSeq, seq }: Moment) => ({
  seq,
  ...(at === undefined ? {} : { at }),
  control_seq: controlSeq,
  control_no: controlNo,
  control_hash: controlHash
})

/** As a configuration file, or (`raw`) as the canonical snapshot, in which secrets stay sealed. */
const eventlogState = defineMethod({
  name: "eventlog_state",
  states: anyState,
  kind: "wait",
  paramsOptional: true,
  params: Schema.Struct({ at: optional(Place), raw: optional(Schema.Boolean), with_secrets: optional(Schema.Boolean) }),
  handler: ({ at, raw = false, with_secrets = false }) =>
    Effect.gen(function* () {
      const seq = yield* momentOf("at", at)
      const { state, ...position } = yield* Effect.mapError(stateAt(yield* LogArchive, seq), historyError)
      const moment: Moment = { ...position, seq, at: yield* timeOf(seq) }
      if (raw) return { ...momentView(moment), text: new TextDecoder().decode(encodeSnapshot(state)), warnings: [] }
      const exported = yield* exportFormats.yaml(state, { withSecrets: with_secrets, isWhole: true })
      const text = comment(stateHeader(state, moment)) + exported.text
      return { ...momentView(moment), text, warnings: exported.warnings }
    })
})

/** This file's methods. */
export const stateMethods: ReadonlyArray<RpcMethod<LogArchive | Secrets>> = [eventlogState]
