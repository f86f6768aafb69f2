/** An incident bundle as a state directory that is only read: the log of its records, and the incidents among them. */
import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect, type Scope } from "effect"
import { bundleNames } from "../../history/incident/BundleManifest.ts"
import { CliFailure } from "../CliFailure.ts"
import { linesIn } from "../log/file-lines.ts"
import { importLines } from "../log/import-lines.ts"
import { logDirectoryOf } from "../serve/state-directory.ts"
import { workDirectory } from "../work-directory.ts"
import { type Bundle, readBundle } from "./read-bundle.ts"

/** A bundle that can be asked. */
export interface UnpackedBundle extends Bundle {
  /** Gone with the scope. */
  readonly directory: string
  /** Records in its log, and those of them that belong to the chain of changes. */
  readonly records: number
  readonly controlRecords: number
}

const writeIncidents = (directory: string, { files }: Bundle): Effect.Effect<void, CliFailure> =>
  Effect.tryPromise({
    try: async () => {
      // Names are plain (`isBundleName`): none leads out of the directory.
      for (const [name, content] of files) {
        if (!name.startsWith("incidents/")) continue
        const path = join(directory, name)
        await mkdir(dirname(path), { recursive: true, mode: 0o700 })
        await writeFile(path, content, { flag: "wx", mode: 0o600 })
      }
    },
    catch: (error) => new CliFailure({ message: `cannot unpack into ${directory}: ${String(error)}` })
  })

/** Makes it of files that are read already; `name` is for messages. */
export const unpack = (name: string, bundle: Bundle): Effect.Effect<UnpackedBundle, CliFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const content = bundle.files.get(bundleNames.records)
    if (content === undefined) return yield* new CliFailure({ message: `${name}: ${bundleNames.records} is missing` })
    const directory = yield* workDirectory("incident")
    const what = `${name}: ${bundleNames.records}`
    const { imported } = yield* importLines(what, (max) => linesIn([content], max), logDirectoryOf(directory))
    yield* writeIncidents(directory, bundle)
    return { ...bundle, directory, records: imported.records, controlRecords: imported.controlRecords }
  })

/** Reads and checks a bundle, each record included. */
export const unpackBundle = (path: string): Effect.Effect<UnpackedBundle, CliFailure, Scope.Scope> =>
  Effect.flatMap(readBundle(path), (bundle) => unpack(path, bundle))
