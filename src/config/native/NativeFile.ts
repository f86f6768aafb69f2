/**
 * A configuration in lunlog's own format: its sections, and how to speak about them. Read from a file with what it
 * includes, or made of sections that come from elsewhere.
 */
import { Effect } from "effect"
import { ConfigRefused } from "../ConfigRefused.ts"
import { type ConfigFiles, type FileText, noConfigFiles } from "./ConfigFiles.ts"
import { loadParts } from "./load-parts.ts"
import { MergedConfig } from "./MergedConfig.ts"
import type { NativeConfig } from "./native-schema.ts"
import { type ConfigPath, messageAt, pathText } from "./YamlText.ts"

export type { ConfigPath } from "./YamlText.ts"

/** A configuration that has the right form. */
export interface NativeFile {
  /** How messages call it. */
  readonly name: string
  /** References are resolved, included files are part of it. */
  readonly config: NativeConfig
  /** What should be told, and is no mistake. */
  readonly warnings: ReadonlyArray<string>
  /** Where a section or key is: `file:line:column` if it comes from a file. */
  readonly place: (path: ConfigPath) => string
  /** A message about what is at `path`; at a value in it that `message` quotes, if there is one. */
  readonly problem: (path: ConfigPath, message: string) => string
}

/** A configuration that comes from no file of this format. */
export const nativeFileOf = (
  name: string,
  config: NativeConfig,
  place: (path: ConfigPath) => string = (path) => (path.length === 0 ? name : pathText(path))
): NativeFile => ({
  name,
  config,
  warnings: [],
  place,
  problem: (path, message) => `${place(path)}: ${message}`
})

/**
 * The file `name` with this content and all that it includes and refers to, or every problem with its form. References
 * are resolved by `files`, from the file's folder.
 */
export const readNativeFile = (
  name: string,
  source: string | FileText,
  files: ConfigFiles = noConfigFiles
): Effect.Effect<NativeFile, ConfigRefused> =>
  Effect.gen(function* () {
    const text = typeof source === "string" ? { text: source, othersRead: false } : source
    const loaded = yield* loadParts(name, text, files)
    const merged = new MergedConfig(loaded.parts)
    const problems = [...loaded.problems, ...merged.problems]
    if (problems.length > 0) return yield* ConfigRefused.of(name, problems, (problem) => problem)
    return {
      name,
      config: merged.config,
      warnings: loaded.parts.flatMap(({ warnings }) => warnings),
      place: (path) => {
        const origin = merged.origin(path)
        return origin.part?.text.place(origin.path) ?? name
      },
      problem: (path, message) => {
        const origin = merged.origin(path)
        return origin.part?.text.problem(origin.path, message) ?? messageAt(name, path, message)
      }
    }
  })
