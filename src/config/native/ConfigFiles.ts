/**
 * What a configuration file may bring in from outside: other files and the environment of the process that reads it.
 * A port, so that whoever has no files (a text of the tests, one that came over a socket) refuses what asks for them.
 */
import { Effect } from "effect"

/** A file's text. */
export interface FileText {
  readonly text: string
  /** Whether its mode lets others than its owner read it. */
  readonly othersRead: boolean
}

/** Errors are what is wrong, as the predicate of a sentence about the path. */
export interface ConfigFiles {
  /** `path` as seen from the folder of the file `from`. */
  readonly resolve: (from: string, path: string) => string
  /** A regular file of at most `lengthMax` bytes, in UTF-8. */
  readonly read: (path: string, lengthMax: number) => Effect.Effect<FileText, string>
  /** The files of a pattern with `*` and `?` in its last part, sorted by name; at most `countMax`. */
  readonly list: (pattern: string, countMax: number) => Effect.Effect<ReadonlyArray<string>, string>
  /** A variable of the environment. */
  readonly environment: (name: string) => string | undefined
}

const none = Effect.fail("cannot be read here: this configuration is no file")

/** Nothing is there. */
export const noConfigFiles: ConfigFiles = {
  resolve: (_from, path) => path,
  read: () => none,
  list: () => none,
  environment: () => undefined
}
