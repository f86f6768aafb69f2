/** Whether the records of a bundle lead from the state before them to the state after them. */
import { Effect, Schema } from "effect"
import { bundleNames } from "../../history/incident/BundleManifest.ts"
import { CliFailure } from "../CliFailure.ts"
import { ask, type LogSource } from "../log/log-source.ts"
import type { UnpackedBundle } from "./unpack-bundle.ts"

const StateText = Schema.Struct({ control_hash: Schema.String, text: Schema.String })

const foldMillis = 600_000

const sameState = (source: LogSource, file: string, bundle: UnpackedBundle, name: string, seq: number) =>
  Effect.gen(function* () {
    const params = { at: seq, raw: true }
    const { text } = yield* ask(source, StateText, "eventlog_state", params, { timeoutMillis: foldMillis })
    if (bundle.files.get(name)?.equals(Buffer.from(text)) === true) return
    const message = `${file}: the state at record ${seq} is another than ${name} says: they do not belong together`
    return yield* new CliFailure({ message })
  })

/** Compares both states byte by byte; gives what was checked, as sentences. */
export const checkFold = (
  source: LogSource,
  file: string,
  bundle: UnpackedBundle
): Effect.Effect<ReadonlyArray<string>, CliFailure> =>
  Effect.gen(function* () {
    const { after, before, files, records } = bundle.manifest
    yield* sameState(source, file, bundle, bundleNames.before, before.seq)
    yield* sameState(source, file, bundle, bundleNames.after, after.seq)
    return [
      `${files.length} files are what was put into it (SHA-256)`,
      `${bundle.records} records, ${bundle.controlRecords} of them changes: each continues the one before it`,
      `from the state before record ${records.from} they fold to the state after record ${records.to}, byte for byte`
    ]
  })
