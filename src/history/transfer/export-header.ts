/** The first line of an export: what the records of a range go on from. */
import { Clock, Effect, Option, Result, Stream } from "effect"
import type { LogArchiveShape } from "../../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../../eventlog/reading.ts"
import type { Genesis } from "../../../eventlog/retain/genesis.ts"
import { FOLD_VERSION } from "../../domain/evolve.ts"
import type { Secrets, SecretUnreadable, SecretWithheld } from "../../domain/Secrets.ts"
import { decodeSnapshot, encodeSnapshot } from "../../domain/snapshot-codec.ts"
import { type StateAtError, stateAt } from "../state-at.ts"
import { genesisToFile, LOG_FILE_FORMAT, LOG_FILE_VERSION, type LogFileHeader } from "./log-file.ts"
import { secretsInState } from "./opened-secrets.ts"

/** What to export; seqs. */
export interface ExportRange {
  readonly from: number
  readonly to: number
}

const timeOfControl = (log: LogArchiveShape, seq: number): Effect.Effect<number, LogReadFailed> =>
  Effect.map(
    Stream.runHead(log.read({ from: seq, to: seq, kind: "control", verify: false })),
    (record) => Option.getOrUndefined(record)?.at ?? 0
  )

/** What stands in front of the records: nothing, the log's own beginning, or the state before the range. */
const genesisBefore = (
  log: LogArchiveShape,
  from: number,
  madeAt: number
): Effect.Effect<Genesis | undefined, StateAtError> =>
  Effect.gen(function* () {
    const beginning = log.beginning()
    if (from <= (beginning?.controlSeq ?? 0) + 1) return beginning
    const { state, ...position } = yield* stateAt(log, from - 1)
    if (position.controlSeq === 0) return undefined
    if (position.controlSeq === beginning?.controlSeq) return beginning
    const at = yield* timeOfControl(log, position.controlSeq)
    const encoded = encodeSnapshot(state)
    return { ...position, at, foldVersion: FOLD_VERSION, state: encoded, origin: "forked", madeAt, archives: [] }
  })

const secretsOf = (secrets: Secrets["Service"], { foldVersion, state }: Genesis) => {
  const decoded = decodeSnapshot(state, foldVersion)
  return Result.isSuccess(decoded) ? secretsInState(secrets, decoded.success) : Effect.succeed([])
}

/** The header; with `secrets` those of the state in front are opened beside it. */
export const exportHeader = (
  log: LogArchiveShape,
  { from, to }: ExportRange,
  secrets: Secrets["Service"] | undefined
): Effect.Effect<LogFileHeader, StateAtError | SecretUnreadable | SecretWithheld> =>
  Effect.gen(function* () {
    const now = Number((yield* Clock.currentTimeNanos) / 1000n)
    const genesis = yield* genesisBefore(log, from, now)
    // Records of another version of lunlog are copied all the same.
    const last = yield* Effect.option(stateAt(log, to))
    const epoch = Option.getOrUndefined(last)?.state.epoch
    const opened = secrets === undefined || genesis === undefined ? [] : yield* secretsOf(secrets, genesis)
    const expired = log.expired()
    return {
      format: LOG_FILE_FORMAT,
      version: LOG_FILE_VERSION,
      ...(epoch === undefined ? {} : { lunlog: epoch.version, instance: epoch.instanceId }),
      exported_at: now,
      from,
      to,
      ...(genesis === undefined ? {} : { genesis: genesisToFile(genesis) }),
      ...(expired === undefined || from > expired.through + 1 ? {} : { expired }),
      losses: log.losses(),
      ...(opened.length === 0 ? {} : { secrets: opened })
    }
  })
