/** What a fork takes from its source: the state as of a record and today's, the key of secrets, where its files are. */
import { readFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { Effect, Result, Schema, type Scope } from "effect"
import type { StatePosition } from "../../domain/control-core.ts"
import type { Event } from "../../domain/Event.ts"
import { decodeRecord } from "../../domain/event-codec.ts"
import { authGroupsOf, type State } from "../../domain/State.ts"
import { decodeSnapshot } from "../../domain/snapshot-codec.ts"
import { CliFailure, unexpectedAnswer } from "../CliFailure.ts"
import { ask, type LogSource, openLogSource } from "../log/log-source.ts"
import { RecordPage } from "../log/RecordView.ts"
import { callMethod, connectAs } from "../rpc/rpc-call.ts"
import { isMissing } from "../serve/private-file.ts"
import { findLogDirectory, isBundle } from "../serve/state-directory.ts"

/** Where a fork begins. Times are microseconds since 1970. */
export interface SourcePoint extends StatePosition {
  /** The record that was named; `controlSeq` is the last one up to it that changed something. */
  readonly seq: number
  readonly at: number
  readonly controlAt: number
  readonly foldVersion: number
}

/** A source, and the moment of it that is wanted. */
export interface ForkSource {
  readonly point: SourcePoint
  /** The state at the end of its log. */
  readonly today: State
  /** Events after the moment that bring addresses of the source, if they were asked for. */
  readonly later: ReadonlyArray<Event>
  readonly isRunning: boolean
  /** Absolute; the parent of the log's directory. */
  readonly stateDirectory: string
  /** The key of its secrets as its file has it; undefined if there is none, or none that can be read. */
  readonly key: string | undefined
  /** Why there is no key, if there are secrets. */
  readonly keyProblem: string | undefined
  /** Copies what a RAM disk of a running source holds into a new file. */
  readonly dump: (name: string, file: string) => Effect.Effect<void, CliFailure>
}

const PointPage = Schema.Struct({
  seq: Schema.Natural,
  at: Schema.Natural,
  control_seq: Schema.Natural,
  control_no: Schema.Natural,
  control_hash: Schema.String,
  control_at: Schema.Natural,
  fold_version: Schema.Natural,
  state_bytes: Schema.Natural,
  chunk: Schema.String
})
type PointPage = typeof PointPage.Type

const Status = Schema.Struct({ state_directory: Schema.optionalKey(Schema.String) })

/** A state is copied within seconds; a disk takes as long as it takes. In milliseconds. */
const pointMillis = 120_000
const dumpMillis = 24 * 3_600_000

const pageOf = (source: LogSource, at: string, offset: number) =>
  ask(source, PointPage, "eventlog_fork_point", { at, offset }, { timeoutMillis: pointMillis })

const stateOf = (first: PointPage, bytes: Uint8Array): Effect.Effect<State, CliFailure> => {
  const state = decodeSnapshot(bytes, first.fold_version)
  if (Result.isSuccess(state)) return Effect.succeed(state.success)
  return Effect.fail(unexpectedAnswer({ message: state.failure }))
}

/** The pages of one state: only its first one is named as the user did, the others by its number. */
const readPoint = (source: LogSource, at: string): Effect.Effect<SourcePoint, CliFailure> =>
  Effect.gen(function* () {
    const first = yield* pageOf(source, at, 0)
    const chunks = [Buffer.from(first.chunk, "base64")]
    let length = chunks[0]?.length ?? 0
    while (length < first.state_bytes) {
      const { chunk } = yield* pageOf(source, String(first.seq), length)
      const bytes = Buffer.from(chunk, "base64")
      if (bytes.length === 0) return yield* unexpectedAnswer({ message: "a state ends before its end" })
      chunks.push(bytes)
      length += bytes.length
    }
    return {
      seq: first.seq,
      at: first.at,
      controlSeq: first.control_seq,
      controlNo: first.control_no,
      controlHash: first.control_hash,
      controlAt: first.control_at,
      foldVersion: first.fold_version,
      state: yield* stateOf(first, Buffer.concat(chunks))
    }
  })

/** Pages of them; what is beyond brings no address that is not known by then. */
const laterPagesMax = 16
const laterTypes = ["PortalGroupCreated", "TargetNodeRedirectSet"]

/** Events of these types after a record. One of a later version brings nothing that could be mapped. */
const readLater = (source: LogSource, after: number): Effect.Effect<ReadonlyArray<Event>, CliFailure> =>
  Effect.gen(function* () {
    const events: Array<Event> = []
    let from: number | undefined = after + 1
    for (let page = 0; page < laterPagesMax && from !== undefined; page++) {
      const asked = { from, type: laterTypes, kind: "control" }
      const answer: typeof RecordPage.Type = yield* ask(source, RecordPage, "eventlog_read", asked)
      for (const { payload, seq, type, v } of answer.records) {
        const event = decodeRecord({ seq, type, v, payload })
        if (Result.isSuccess(event)) events.push(event.success)
      }
      from = answer.next
    }
    return events
  })

const readKey = async (path: string): Promise<Pick<ForkSource, "key" | "keyProblem">> => {
  try {
    return { key: await readFile(path, "utf8"), keyProblem: undefined }
  } catch (error) {
    const why = isMissing(error) ? "is not there" : error instanceof Error ? error.message : String(error)
    return { key: undefined, keyProblem: `the key of the source's secrets, ${path}, ${why}` }
  }
}

const noKey: Pick<ForkSource, "key" | "keyProblem"> = {
  key: undefined,
  keyProblem: "the source is a bundle, which has no key of secrets"
}

const keyOf = (directory: string | undefined, stateDirectory: string, state: State) =>
  Effect.map(
    directory !== undefined && isBundle(directory)
      ? Effect.succeed(noKey)
      : Effect.promise(() => readKey(join(stateDirectory, "secret-key"))),
    ({ key, keyProblem }) => ({ key, keyProblem: authGroupsOf(state).length === 0 ? undefined : keyProblem })
  )

const runningSource = (socketPath: string) =>
  Effect.gen(function* () {
    const client = yield* connectAs(socketPath)
    const status = yield* callMethod(client, "lunlog_status").pipe(
      Effect.flatMap((answer) => Effect.mapError(Schema.decodeUnknownEffect(Status)(answer), unexpectedAnswer))
    )
    if (status.state_directory === undefined) {
      const message = `the target behind ${socketPath} is of a version that cannot be forked; update it`
      return yield* new CliFailure({ message })
    }
    const dump = (name: string, file: string) =>
      Effect.asVoid(callMethod(client, "lunlog_bdev_dump", { name, file }, dumpMillis))
    return { stateDirectory: status.state_directory, dump, isRunning: true }
  })

/** Of a bundle: a directory of its name beside it, which is not there. */
const storedSource = (directory: string) => ({
  stateDirectory: isBundle(directory)
    ? resolve(directory).replace(/(?:\.tar)?\.t?gz$|$/u, "")
    : dirname(resolve(findLogDirectory(directory))),
  dump: () => Effect.fail(new CliFailure({ message: `nobody has the memory of the target of ${directory}` })),
  isRunning: false
})

/** Reads what there is; `dump` works until the scope closes. `withLater`: for a fork that is to see what came then. */
export const openForkSource = (
  directory: string | undefined,
  socketPath: string,
  at: string,
  withLater: boolean
): Effect.Effect<ForkSource, CliFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const place = directory === undefined ? yield* runningSource(socketPath) : storedSource(directory)
    // Given back before the fork serves: a directory is read, not kept.
    const read = yield* Effect.scoped(
      Effect.gen(function* () {
        const log = yield* openLogSource(directory, socketPath)
        const point = yield* readPoint(log, at)
        const later = withLater ? yield* readLater(log, point.controlSeq) : []
        return { point, later, today: (yield* readPoint(log, "HEAD")).state }
      })
    )
    return { ...place, ...read, ...(yield* keyOf(directory, place.stateDirectory, read.point.state)) }
  })
