/**
 * Event logs that real sessions have written, for tests of whatever reads logs: `await sessionLog("whole")` gives a
 * state directory of the caller's own, and what the log says that happened (`session-log-play.ts`).
 *
 * - `whole`     three runs of a server, the first and the last ended in order
 * - `cut`       the same up to the kill -9 at the end of the second run: IO was going on, a LUN was being removed
 * - `torn`      `cut`, and LevelDB's journal cut once more, in its last third (`seed` says where)
 * - `damaged`   `whole` with one bit wrong, in a record (`seed` says where)
 * - `compacted` `whole`, with the control records of the first run in an archive
 * - `shortened` `compacted` without that archive
 * - `forked`    a fork of `whole` at the moment before its first LUN was removed, with a start and an end of its own
 *
 * They are made once for all test processes (a few seconds), and kept in the folder of temporary files under a name
 * that the program's sources determine. No log has a ballast, so that a copy costs little.
 */
import { createHash } from "node:crypto"
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { StoryRecord } from "./initiator/log-story.ts"
import { copyState, names, type Played, playSessions } from "./session-log-play.ts"
import { makeDirectory, projectDirectory, removeDirectory } from "./target-process.ts"

/** Which log; see the top of this file. */
export type SessionLogVariant = "whole" | "cut" | "torn" | "damaged" | "compacted" | "shortened" | "forked"

/** One byte of a file that was changed, or the first that is gone. */
export interface Wound {
  /** Relative to the state directory. */
  readonly file: string
  readonly offset: number
}

/** A log that real sessions have written. Removed when disposed of. */
export interface SessionLog extends Disposable {
  /** For `--state`; its log is in `log`. */
  readonly stateDirectory: string
  /** For `openForReading`. */
  readonly logDirectory: string
  readonly names: typeof names
  /** Of the portal. */
  readonly port: number
  /** What `whole` holds, which begins with what `cut` holds; in order, from seq 1 on. */
  readonly records: ReadonlyArray<StoryRecord>
  /** Where `torn` and `damaged` were hurt. */
  readonly wound: Wound | undefined
  /** The only record of this type, or the `nth` (from 1); fails if there is none. */
  readonly record: (type: string, nth?: number) => StoryRecord
}

const sourceFolders = ["src", "eventlog", "bin", "test/support"]

const hashOfSources = (): string => {
  const hash = createHash("sha256")
  for (const folder of sourceFolders) {
    const files = readdirSync(join(projectDirectory, folder), { recursive: true, encoding: "utf8" })
    for (const file of files.filter((name) => /\.[jt]s$/u.test(name)).toSorted()) {
      hash.update(file).update(readFileSync(join(projectDirectory, folder, file)))
    }
  }
  return hash.digest("hex").slice(0, 16)
}

const cachePrefix = `lunlog-session-log-${process.getuid?.() ?? 0}-`
const cacheMillisMax = 24 * 3600_000

/** Logs of sources that are history. */
const removeOld = (): void => {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(cachePrefix))) {
    const path = join(tmpdir(), name)
    const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Number.POSITIVE_INFINITY }
    if (Date.now() - mtimeMs > cacheMillisMax) removeDirectory(path)
  }
}

/** Makes the logs elsewhere and moves them into their place at once: of two that make them, one is in time. */
const makeTemplate = async (): Promise<string> => {
  const place = join(tmpdir(), `${cachePrefix}${hashOfSources()}`)
  if (existsSync(place)) return place
  removeOld()
  const workshop = makeDirectory("session")
  try {
    writeFileSync(join(workshop, "played.json"), JSON.stringify(await playSessions(workshop)))
    renameSync(workshop, place)
  } catch (error) {
    if (!existsSync(place)) throw error
  } finally {
    removeDirectory(workshop)
  }
  return place
}

let template: Promise<string> | undefined

const databaseFiles = (stateDirectory: string, pattern: RegExp): ReadonlyArray<Wound & { readonly size: number }> =>
  readdirSync(join(stateDirectory, "log/db"))
    .filter((name) => pattern.test(name))
    .toSorted()
    .map((name) => join("log/db", name))
    .map((file) => ({ file, offset: 0, size: statSync(join(stateDirectory, file)).size }))

const largest = <A extends { readonly size: number }>(files: ReadonlyArray<A>): A => {
  const [first] = files.toSorted((a, b) => b.size - a.size)
  if (first === undefined) throw new Error("the log's database has no such file")
  return first
}

/** Cuts the journal somewhere in its last third: what was synced before is gone, or, at its very end, what was not. */
const tear = (stateDirectory: string, seed: number): Wound => {
  const { file, size } = largest(databaseFiles(stateDirectory, /\.log$/u))
  const offset = size - 1 - ((seed * 97) % Math.floor(size / 3))
  truncateSync(join(stateDirectory, file), offset)
  return { file, offset }
}

/** One bit in the middle half of the largest file, where records are. */
const damage = (stateDirectory: string, seed: number): Wound => {
  const { file, size } = largest(databaseFiles(stateDirectory, /\.(?:log|ldb)$/u))
  const offset = Math.floor(size / 4) + ((seed * 7919) % Math.floor(size / 2))
  const path = join(stateDirectory, file)
  const bytes = readFileSync(path)
  bytes[offset] = (bytes[offset] ?? 0) ^ (1 << (seed % 8))
  writeFileSync(path, bytes)
  return { file, offset }
}

/** What a variant is a copy of, before it is hurt. */
const sourceOf: Readonly<Record<SessionLogVariant, string>> = {
  whole: "whole",
  cut: "cut",
  torn: "cut",
  damaged: "whole",
  compacted: "compacted",
  shortened: "compacted",
  forked: "forked"
}

const nothing = (): undefined => undefined

const shorten = (stateDirectory: string): undefined => {
  rmSync(join(stateDirectory, "log/archive"), { recursive: true })
  return undefined
}

const wounds: Readonly<Record<SessionLogVariant, (stateDirectory: string, seed: number) => Wound | undefined>> = {
  whole: nothing,
  cut: nothing,
  torn: tear,
  damaged: damage,
  compacted: nothing,
  shortened: shorten,
  forked: nothing
}

/** A copy of one of the logs, to do anything with. Use `using`, or dispose of it. */
export const sessionLog = async (variant: SessionLogVariant = "whole", seed = 1): Promise<SessionLog> => {
  template ??= makeTemplate()
  const source = await template
  const { port, records }: Played = JSON.parse(readFileSync(join(source, "played.json"), "utf8"))
  const directory = makeDirectory(`log-${variant}`)
  const stateDirectory = join(directory, "state")
  copyState(join(source, sourceOf[variant]), stateDirectory)
  const wound = wounds[variant](stateDirectory, seed)
  return {
    stateDirectory,
    logDirectory: join(stateDirectory, "log"),
    names,
    port,
    records,
    wound,
    record: (type, nth = 1) => {
      const found = records.filter((record) => record.type === type)[nth - 1]
      if (found === undefined) throw new Error(`the sessions' log has no ${type} number ${nth}`)
      return found
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true })
  }
}
