/** The directory of a log: who may open it, what it must look like, what comes back at the next start. */
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Stream } from "effect"
import { EventLog } from "../../eventlog/EventLog.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { layoutVersion } from "../../eventlog/open/log-directory.ts"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import { type Child, runCommand, startChild } from "../support/child-process.ts"
import { verify, verifyLog } from "../support/verify-log.ts"
import { appendOne, mountRefusal, numbersOf, observation, readAll, temporaryDirectory } from "./support.ts"

const childFile = join(import.meta.dirname, "child.ts")
const waitMillis = 90_000

const open = (directory: string) => LevelEventLog.make({ directory, ballastBytes: 0 })
const openError = (directory: string) => Effect.flip(Effect.scoped(open(directory)))

/** A child in `mode`, once it has said that the log is open; killed with the scope. */
const childIn = (mode: string, directory: string) =>
  Effect.acquireRelease(
    Effect.promise(async (): Promise<Child> => {
      const child = await startChild({ command: process.execPath, args: [childFile, mode, directory] })
      const until = performance.now() + waitMillis
      while (!child.stdout().includes("open\n")) {
        if (child.exitStatus() !== undefined || performance.now() > until) assert.fail(child.stderr())
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      return child
    }),
    (child) =>
      Effect.promise(async () => {
        child.signal("SIGKILL")
        await child.exited
      })
  )

describe("a log's directory", () => {
  it.live("gives everything back at the next start, and goes on where it stood", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const first = yield* Effect.scoped(
          Effect.gen(function* () {
            const log = yield* open(directory)
            yield* appendOne(log, 1)
            log.observe(observation(2))
            yield* appendOne(log, 3)
            yield* log.writeSnapshot({ ...log.durable(), foldVersion: 7, state: Uint8Array.of(1, 2, 3) })
            log.observe(observation(4))
            return yield* log.subscribe(1).pipe(Stream.take(4), Stream.runCollect)
          })
        )
        const log = yield* open(directory)
        assert.deepStrictEqual(log.tip(), log.durable())
        assert.deepInclude(log.durable(), { seq: 4, controlSeq: 3, controlNo: 2 })
        assert.deepStrictEqual(yield* readAll(log), first)
        assert.deepStrictEqual([...((yield* log.readSnapshot(7))?.state ?? [])], [1, 2, 3])
        log.observe(observation(5))
        yield* appendOne(log, 6)
        const records = yield* readAll(log, { from: 5 })
        assert.deepStrictEqual(numbersOf(records), [5, 6])
        const [fifth] = records
        if (fifth?.kind !== "observation") return assert.fail("no observation")
        // Each start begins a segment of its own, tied to the control chain.
        const anchor = first.findLast(({ kind }) => kind === "control")?.hash
        assert.deepStrictEqual([fifth.segment, fifth.segmentNo, fifth.anchor], [2, 1, anchor])
        assert.strictEqual((yield* verify(log)).records, 6)
      })
    )
  )

  it.live("is private to its user, and holds nothing but what it should", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = join(yield* temporaryDirectory, "new", "log")
        yield* open(directory)
        assert.strictEqual(statSync(directory).mode & 0o777, 0o700)
        assert.strictEqual(statSync(join(directory, "db")).mode & 0o777, 0o700)
        assert.deepStrictEqual(readdirSync(directory).sort(), ["FORMAT", "HEAD", "db", "holder"])
        for (const file of ["FORMAT", "HEAD", "holder"]) {
          assert.strictEqual(statSync(join(directory, file)).mode & 0o777, 0o600, file)
        }
      })
    )
  )

  it.live("leaves the mode of a directory that was there before alone", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        chmodSync(directory, 0o755)
        yield* open(directory)
        assert.strictEqual(statSync(directory).mode & 0o777, 0o755)
        assert.strictEqual(statSync(join(directory, "db")).mode & 0o777, 0o700)
      })
    )
  )

  it.live("works as a layer", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const layer: Layer.Layer<EventLog, unknown> = LevelEventLog.layer({ directory, ballastBytes: 0 })
        const append = Effect.flatMap(EventLog, (log) => appendOne(log, 1))
        yield* Effect.provide(append, layer)
        assert.strictEqual((yield* verifyLog(directory)).controlRecords, 1)
      })
    )
  )
})

describe("a log that is open", () => {
  it.live("keeps a second process out and names itself", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const child = yield* childIn("hold", directory)
        const failure = yield* openError(directory)
        assert.deepInclude(failure, { _tag: "LogLocked", directory, holderPid: child.pid })
        assert.include(failure.message, `process ${child.pid}`)
        assert.strictEqual((yield* Effect.flip(verifyLog(directory)))._tag, "LogLocked")
      })
    )
  )

  it.live("keeps a second opening in its own process out, without giving up its lock", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const base = yield* temporaryDirectory
        const directory = join(base, "log")
        const log = yield* open(directory)
        symlinkSync(directory, join(base, "alias"))
        for (const name of ["log", "alias"]) {
          assert.deepInclude(yield* openError(join(base, name)), { _tag: "LogLocked", holderPid: process.pid })
        }
        assert.strictEqual((yield* Effect.flip(Effect.scoped(openForReading(directory))))._tag, "LogLocked")
        const args = [childFile, "refused", directory]
        const other = yield* Effect.promise(() => runCommand({ command: process.execPath, args }, waitMillis))
        assert.deepInclude(JSON.parse(other.stdout), { _tag: "LogLocked", holderPid: process.pid })
        yield* appendOne(log, 1)
      })
    )
  )

  it.live("keeps another thread of its own process out, too", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        yield* open(directory)
        const output = yield* Effect.promise(async () => {
          const worker = new Worker(new URL(`file://${join(import.meta.dirname, "worker.ts")}`), {
            workerData: directory
          })
          const [message] = await new Promise<ReadonlyArray<unknown>>((resolve, reject) => {
            worker.once("message", (...message: ReadonlyArray<unknown>) => resolve(message))
            worker.once("error", reject)
          })
          await worker.terminate()
          return message
        })
        assert.strictEqual(output, "LogLocked")
        const args = [childFile, "refused", directory]
        const other = yield* Effect.promise(() => runCommand({ command: process.execPath, args }, waitMillis))
        assert.deepInclude(JSON.parse(other.stdout), { _tag: "LogLocked", holderPid: process.pid })
      })
    )
  )

  it.live("can be opened again after its process was killed", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        yield* Effect.scoped(childIn("hold", directory))
        assert.isTrue(readdirSync(directory).includes("holder"))
        const log = yield* open(directory)
        yield* appendOne(log, 1)
      })
    )
  )
})

describe("a directory that cannot be used", () => {
  it.live("of a newer version is left alone", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        yield* Effect.scoped(Effect.flatMap(open(directory), (log) => appendOne(log, 1)))
        const format = JSON.parse(readFileSync(join(directory, "FORMAT"), "utf8"))
        writeFileSync(join(directory, "FORMAT"), JSON.stringify({ ...format, layout: layoutVersion + 1 }))
        const before = readdirSync(join(directory, "db")).sort()
        const failure = yield* openError(directory)
        assert.deepInclude(failure, { _tag: "LogTooNew", found: layoutVersion + 1, supported: layoutVersion })
        assert.include(failure.message, "newer lunlog")
        assert.deepStrictEqual(readdirSync(join(directory, "db")).sort(), before)
      })
    )
  )

  it.live("says so when it may not be written", (context) =>
    Effect.scoped(
      Effect.gen(function* () {
        if (process.getuid?.() !== 0) return context.skip("needs root, to become another user")
        const base = yield* temporaryDirectory
        const directory = join(base, "log")
        chmodSync(base, 0o755)
        mkdirSync(directory, { mode: 0o755 })
        const nobody = ["--reuid", "65534", "--clear-groups"]
        const trial = { command: "setpriv", args: [...nobody, process.execPath, "--check", childFile] }
        const { code } = yield* Effect.promise(() => runCommand(trial, waitMillis).catch(() => ({ code: 1 })))
        if (code !== 0) return context.skip("another user cannot run this checkout")
        const args = [...nobody, process.execPath, childFile, "refused", directory]
        const other = yield* Effect.promise(() => runCommand({ command: "setpriv", args }, waitMillis))
        const failure = JSON.parse(other.stdout)
        assert.include(["EACCES", "EPERM"], failure.code)
        assert.include(failure.message, directory)
        assert.include(failure.message, "mode 0700")
      })
    )
  )

  it.live("says so when it is on a read-only file system", (context) =>
    Effect.scoped(
      Effect.gen(function* () {
        const refusal = yield* Effect.promise(mountRefusal)
        if (refusal !== undefined) return context.skip(refusal)
        const base = yield* temporaryDirectory
        const directory = join(base, "log")
        yield* Effect.scoped(Effect.flatMap(open(directory), (log) => appendOne(log, 1)))
        const script = `mount --bind ${base} ${base} && mount -o remount,ro,bind ${base} && exec "$@"`
        const args = ["-Urm", "sh", "-c", script, "sh", process.execPath, childFile, "refused", directory]
        const other = yield* Effect.promise(() => runCommand({ command: "unshare", args }, waitMillis))
        const failure = JSON.parse(other.stdout)
        assert.deepInclude(failure, { _tag: "LogOpenFailed", code: "EROFS" })
        assert.include(failure.message, "remount it, copy the directory")
        assert.strictEqual((yield* verifyLog(directory)).controlRecords, 1)
      })
    )
  )

  it.live("is a file", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const file = join(yield* temporaryDirectory, "file")
        writeFileSync(file, "")
        const failure = yield* openError(file)
        assert.strictEqual(failure._tag, "LogOpenFailed")
        assert.include(failure.message, file)
      })
    )
  )
})

describe("reading a copy", () => {
  it.live("reads and verifies, and changes no record", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const base = yield* temporaryDirectory
        const [directory, copy] = [join(base, "log"), join(base, "copy")]
        const records = yield* Effect.scoped(
          Effect.gen(function* () {
            const log = yield* open(directory)
            yield* appendOne(log, 1)
            log.observe(observation(2))
            yield* appendOne(log, 3)
            return yield* readAll(log)
          })
        )
        cpSync(directory, copy, { recursive: true })
        const progress: Array<readonly [number, number]> = []
        for (let round = 0; round < 3; round++) {
          const archive = yield* Effect.scoped(
            Effect.flatMap(openForReading(copy), (log) => Stream.runCollect(log.read()))
          )
          assert.deepStrictEqual(archive, records)
        }
        const report = yield* verifyLog(copy, (done, total) => progress.push([done, total]))
        assert.deepInclude(report, { records: 3, controlRecords: 2, observations: 1, firstObservationSeq: 2 })
        assert.deepStrictEqual(progress.at(-1), [3, 3])
        assert.deepStrictEqual(readFileSync(join(copy, "HEAD")), readFileSync(join(directory, "HEAD")))
      })
    )
  )

  it.live("says so when there is none", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = join(yield* temporaryDirectory, "missing")
        const failure = yield* Effect.flip(verifyLog(directory))
        assert.deepInclude(failure, { _tag: "LogOpenFailed", code: "ENOENT" })
        assert.include(failure.message, "existing log")
      })
    )
  )
})
