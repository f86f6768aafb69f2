/**
 * Damages copies of a closed log, a byte at a time, and looks at what opening and reading make of it. Used by the
 * damage test (a sample) and its long variant (every byte).
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Result } from "effect"
import { assert } from "vitest"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import { verify } from "../support/verify-log.ts"
import { appendOne, observation, readAll } from "./support.ts"

/** One byte XORed with `bits`, or the file cut in front of it. */
export interface Damage {
  readonly file: string
  readonly offset: number
  readonly bits: number | "cut"
}

/** Gives `body` a copy of a directory that goes away afterwards. */
export const withCopyOf = async <A>(original: string, body: (directory: string) => Promise<A>): Promise<A> => {
  const directory = mkdtempSync(join(tmpdir(), "lunlog-damage-"))
  try {
    cpSync(original, directory, { recursive: true })
    return await body(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A closed log with tables, a journal, snapshots and several segments of observations. */
export const makeTemplate = async (directory: string): Promise<ReadonlyArray<LogRecord>> => {
  const start = (first: number) =>
    Effect.scoped(
      Effect.gen(function* () {
        const log = yield* LevelEventLog.make({ directory, ballastBytes: 0 })
        for (let n = first; n < first + 12; n++) {
          if (n % 4 === 0) log.observe(observation(n))
          else yield* appendOne(log, n)
        }
        yield* log.writeSnapshot({ ...log.durable(), foldVersion: 1, state: new Uint8Array(100).fill(first) })
        yield* appendOne(log, first + 12)
        return yield* readAll(log)
      })
    )
  await Effect.runPromise(start(0))
  await Effect.runPromise(start(100))
  return Effect.runPromise(start(200))
}

/** The same, compacted: its older control records are in an archive, in two. */
export const makeCompactedTemplate = async (directory: string): Promise<ReadonlyArray<LogRecord>> => {
  await makeTemplate(directory)
  const compact = (share: number) =>
    Effect.scoped(
      Effect.gen(function* () {
        const log = yield* LevelEventLog.make({ directory, ballastBytes: 0 })
        const control = (yield* readAll(log, { kind: "control" })).filter((record) => record.kind === "control")
        const record = control[Math.floor(control.length * share)]
        if (record === undefined) return []
        const { controlNo, hash, seq } = record
        const state = new Uint8Array(100)
        yield* log.compact({ controlSeq: seq, controlNo, controlHash: hash, foldVersion: 1, state })
        yield* appendOne(log, 1000)
        return yield* readAll(log)
      })
    )
  await Effect.runPromise(compact(0.3))
  return Effect.runPromise(compact(0.6))
}

/** All files of the log, relative to its directory, with their sizes. */
export const filesOf = (directory: string): ReadonlyArray<{ readonly file: string; readonly size: number }> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((file) => statSync(join(directory, file)).isFile())
    .sort()
    .map((file) => ({ file, size: statSync(join(directory, file)).size }))

/** Does it. */
export const inflict = (directory: string, { bits, file, offset }: Damage): void => {
  const path = join(directory, file)
  if (bits === "cut") return truncateSync(path, offset)
  const bytes = readFileSync(path)
  bytes[offset] = (bytes[offset] ?? 0) ^ bits
  writeFileSync(path, bytes)
}

/** What came of it: the tag of a typed error, `same`, or a sentence about what is wrong. */
export const outcomeOf = (
  template: string,
  original: ReadonlyArray<LogRecord>,
  damage: Damage
): Promise<{ readonly outcome: string; readonly message: string }> =>
  withCopyOf(template, async (directory) => {
    inflict(directory, damage)
    const read = Effect.scoped(
      Effect.gen(function* () {
        const log = yield* LevelEventLog.make({ directory, ballastBytes: 0 })
        // An archive that cannot be used is told, and what is left is read.
        if (log.missingArchive() !== undefined) return "told"
        const { records } = yield* verify(log)
        const all = yield* readAll(log)
        return records === all.length ? all : []
      })
    )
    const result = await Effect.runPromise(Effect.result(read))
    if (Result.isFailure(result)) return { outcome: result.failure._tag, message: result.failure.message }
    if (result.success === "told") return { outcome: "told", message: "" }
    const same = JSON.stringify(result.success) === JSON.stringify(original)
    return { outcome: same ? "same" : "silently changed", message: "" }
  })

/** Flips and cuts at about `placesPerFile` places of each file: at every byte if it is infinite. */
export const damagesOf = (template: string, placesPerFile: number, seed: number): ReadonlyArray<Damage> =>
  filesOf(template).flatMap(({ file, size }) => {
    const step = Math.max(1, Math.floor(size / placesPerFile))
    const first = seed % step
    return Array.from({ length: Math.ceil((size - first) / step) }, (_, i) => first + i * step).flatMap(
      (offset): ReadonlyArray<Damage> => [
        { file, offset, bits: 1 << ((offset + seed) % 8) },
        { file, offset, bits: 0xff },
        { file, offset, bits: "cut" }
      ]
    )
  })

/** Fails at the first damage that is neither harmless nor told in a typed error with a way out. */
export const tryDamages = async (
  template: string,
  original: ReadonlyArray<LogRecord>,
  damages: ReadonlyArray<Damage>
): Promise<void> => {
  const outcomes = new Set<string>()
  for (const damage of damages) {
    const { message, outcome } = await outcomeOf(template, original, damage)
    outcomes.add(outcome)
    // A flipped bit can make a higher number of the layout's: nothing tells it from a newer log, so both are named.
    if (outcome === "LogTooNew" && damage.file === "FORMAT") {
      assert.include(message, "damaged file FORMAT")
      continue
    }
    const isArchive = damage.file.startsWith("archive")
    const expected = ["same", "LogDamaged", "LogReadFailed", ...(isArchive ? ["told"] : [])]
    assert.include(expected, outcome, `${JSON.stringify(damage)}: ${message}`)
    const remedy = isArchive ? "move it away" : "--accept-log-loss"
    if (outcome !== "same" && outcome !== "told") assert.include(message, remedy, JSON.stringify(damage))
  }
  assert.includeMembers([...outcomes], ["same", "LogDamaged"])
}
