/**
 * Golden logs: what versions of lunlog have written, and the states that they made of it. Each is a folder of
 * `golden/`, named after the version that wrote it, and never changed once that version is released:
 *
 * - `log.ndjson`    one record per line: `seq`, `type`, and `value`, its stored bytes in base64
 * - `states.ndjson` one state per line: `seq` of the control record that it is folded to, `fold`, the fold version that
 *   made it, and `state`, its canonical encoding
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Result } from "effect"
import { controlKey, observationKey } from "../../eventlog/key.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { openLevelStore } from "../../eventlog/level/LevelStore.ts"
import type { LogOpenError } from "../../eventlog/open/open-errors.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import { decodeRecord as decodeStored } from "../../eventlog/record-codec.ts"
import { decodeRecord } from "../../src/domain/event-codec.ts"
import { evolve } from "../../src/domain/evolve.ts"
import type { State } from "../../src/domain/State.ts"
import { encodeSnapshot } from "../../src/domain/snapshot-codec.ts"

/** Where they are. */
export const goldenFolder = join(import.meta.dirname, "golden")

/** A state that a version has recorded. */
export interface GoldenState {
  readonly seq: number
  readonly foldVersion: number
  /** The canonical encoding, as text. */
  readonly text: string
}

/** A log with its states. */
export interface GoldenLog {
  readonly name: string
  readonly records: ReadonlyArray<LogRecord>
  readonly values: ReadonlyArray<Uint8Array>
  readonly states: ReadonlyArray<GoldenState>
}

const linesOf = (path: string): ReadonlyArray<string> =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")

/** Of a line that `stateLine` made; the state's text is taken as it stands. */
const stateOfLine = (line: string): GoldenState => {
  const [, seq = "", foldVersion = "", text = ""] = /^\{"seq":(\d+),"fold":(\d+),"state":(.*)\}$/u.exec(line) ?? []
  return { seq: Number(seq), foldVersion: Number(foldVersion), text }
}

/** A line of `states.ndjson`. */
export const stateLine = ({ foldVersion, seq, text }: GoldenState): string =>
  `{"seq":${seq},"fold":${foldVersion},"state":${text}}`

/** A state in its canonical encoding, as text. */
export const canonical = (state: State): string => new TextDecoder().decode(encodeSnapshot(state))

/** The record in stored bytes, digest checked. */
export const storedRecord = (value: Uint8Array): LogRecord => {
  const record = decodeStored(value, true)
  if (typeof record === "string") throw new Error(`a golden record ${record}`)
  return record
}

/** A line of `log.ndjson`. */
export const recordLine = (value: Uint8Array): string => {
  const { seq, type } = storedRecord(value)
  return JSON.stringify({ seq, type, value: Buffer.from(value).toString("base64") })
}

/** All golden logs, by name. */
export const goldenLogs = (): ReadonlyArray<GoldenLog> =>
  readdirSync(goldenFolder)
    .toSorted()
    .map((name) => {
      const values = linesOf(join(goldenFolder, name, "log.ndjson")).map((line) => {
        const { value }: { readonly value: string } = JSON.parse(line)
        return new Uint8Array(Buffer.from(value, "base64"))
      })
      const states = linesOf(join(goldenFolder, name, "states.ndjson")).map(stateOfLine)
      return { name, values, records: values.map(storedRecord), states }
    })

/** The state after a record; observations change nothing. Fails if a record cannot be read. */
export const foldRecord = (state: State, record: LogRecord): State => {
  if (record.kind !== "control") return state
  return evolve(state, Result.getOrThrow(decodeRecord(record)), record.seq)
}

/**
 * A log directory that holds these records, to be opened like any other. It is made by today's log: only the records
 * are golden.
 */
export const restoreLog = (golden: GoldenLog, directory: string): Effect.Effect<void, LogOpenError> =>
  Effect.gen(function* () {
    yield* Effect.scoped(LevelEventLog.make({ directory, ballastBytes: 0 }))
    const puts = golden.records.map((record, index) => ({
      type: "put" as const,
      key: record.kind === "control" ? controlKey(record.seq) : observationKey(record.seq),
      value: golden.values[index] ?? new Uint8Array()
    }))
    yield* Effect.promise(async () => {
      const store = await openLevelStore(join(directory, "db"), false)
      await store.write(puts, true)
      await store.close()
    })
  })
