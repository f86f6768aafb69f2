/**
 * A process of its own with a log open, for tests of what only another process can do. `child.ts MODE DIRECTORY [...]`:
 *
 * - `hold`    opens and waits; prints `open`
 * - `append`  appends without end from 8 callers; prints `acked SEQ N` for each that is durable
 * - `fill`    appends records of 2 KiB until one fails, and on until one succeeds again; prints what happens as JSON
 * - `crowded` `fill` while a file beside the directory has taken all the room that was left
 * - `compact` appends without end, prints `acked CONTROLNO`, and compacts all the time; prints `compacting SEQ`
 * - `read`    opens for reading; prints how many records there are, and what is damaged, as JSON; or the error
 * - `refused` opens and expects to fail; prints the error as JSON
 */
import { openSync, writeSync } from "node:fs"
import { join } from "node:path"
import { Effect, Result, type Scope } from "effect"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import { verify } from "../support/verify-log.ts"
import { appendOne, cause } from "./support.ts"

const [, , mode = "", directory = "", ...rest] = process.argv
const ballastBytes = Number(rest[0] ?? 0)

/** At once and whole: what was said before a SIGKILL has been said. */
const say = (text: string): void => void writeSync(1, `${text}\n`)

const open = LevelEventLog.make({ directory, ballastBytes })

const hold = Effect.gen(function* () {
  yield* open
  say("open")
  // A timer keeps the process alive, which `Effect.never` does not.
  yield* Effect.sleep("1 hour")
})

const append = Effect.gen(function* () {
  const log = yield* open
  say("open")
  let n = 0
  const caller = Effect.forever(
    Effect.suspend(() => {
      const mine = n++
      if (mine % 7 === 0) log.observe({ type: "Seen", v: 1, cause, payload: { n: mine } })
      return Effect.map(appendOne(log, mine), ([record]) => say(`acked ${record?.seq} ${mine}`))
    })
  )
  yield* Effect.all(
    Array.from({ length: 8 }, () => caller),
    { concurrency: "unbounded" }
  )
})

const bulky = (n: number) => ({ type: "Bulky", v: 1, payload: { n, bytes: Buffer.alloc(2048, n % 251) } })

/** Appends until the answer is as wanted; the failures in between are told. */
const fillAfter = (prepare: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const log = yield* open
    yield* prepare
    const acked: Array<number> = []
    let n = 0
    let failure: string | undefined
    const attempt = Effect.gen(function* () {
      const mine = n++
      const result = yield* Effect.result(log.append(log.tip().controlSeq, cause, [bulky(mine)]))
      if (Result.isSuccess(result)) acked.push(mine)
      return result
    })
    // The failing append is answered when the log is back: until then only another caller can tell that it is away.
    yield* Effect.forkScoped(
      Effect.gen(function* () {
        for (let away = false; !away; yield* Effect.sleep("10 millis")) {
          const probe = log.submit(log.tip().controlSeq, cause, [])
          away = Result.isFailure(probe) && probe.failure._tag === "LogUnavailable"
          if (Result.isFailure(probe)) say(`away ${probe.failure.message}`)
        }
      })
    )
    while (failure === undefined) {
      const result = yield* attempt
      if (Result.isFailure(result)) failure = `${result.failure._tag}: ${result.failure.message}`
    }
    say(JSON.stringify({ failure, acked: acked.length }))
    // Until the log is back, or for as long as the test lets it.
    for (let back = false; !back; ) {
      yield* Effect.sleep("20 millis")
      back = Result.isSuccess(yield* attempt)
    }
    const numbers = yield* log.fold({ kind: "control" }, [], (seen: Array<unknown>, { payload }) => {
      seen.push(typeof payload === "object" && payload !== null && "n" in payload ? payload.n : undefined)
      return seen
    })
    const agree = JSON.stringify(numbers) === JSON.stringify(acked)
    say(JSON.stringify({ back: true, agree, acked: acked.length, verified: (yield* verify(log)).controlRecords }))
  })

/** Takes the last byte of the file system. */
const crowd = Effect.sync(() => {
  const other = openSync(join(directory, "..", "other"), "w")
  for (let bytes = 1024 * 1024; bytes > 0; ) {
    try {
      if (writeSync(other, Buffer.alloc(bytes)) < bytes) bytes = Math.floor(bytes / 2)
    } catch {
      bytes = Math.floor(bytes / 2)
    }
  }
})

const compact = Effect.gen(function* () {
  const log = yield* open
  const appending = Effect.forever(
    Effect.map(appendOne(log, 1), () => say(`acked ${log.durable().controlNo}`)),
    { disableYield: false }
  )
  const compacting = Effect.forever(
    Effect.suspend(() => {
      const { controlHash, controlNo, controlSeq } = log.durable()
      if (controlSeq <= (log.beginning()?.controlSeq ?? 0)) return Effect.yieldNow
      say(`compacting ${controlSeq}`)
      const snapshot = { controlHash, controlNo, controlSeq, foldVersion: 1, state: new Uint8Array(1000) }
      return Effect.map(log.compact(snapshot), ({ through }) => say(`compacted ${through}`))
    })
  )
  yield* Effect.all([appending, compacting], { concurrency: "unbounded" })
})

const read = Effect.gen(function* () {
  const log = yield* openForReading(directory)
  const records = yield* log.fold({}, 0, (count) => count + 1)
  say(JSON.stringify({ records, damage: log.damage() }))
}).pipe(Effect.catch((error) => Effect.sync(() => say(JSON.stringify(error)))))

const refused = Effect.gen(function* () {
  const failure = yield* Effect.flip(open)
  say(JSON.stringify({ ...failure, message: failure.message }))
})

const modes: { readonly [mode: string]: Effect.Effect<unknown, unknown, Scope.Scope> } = {
  hold,
  append,
  fill: fillAfter(Effect.void),
  crowded: fillAfter(crowd),
  compact,
  read,
  refused
}
const run = modes[mode]
if (run === undefined) throw new Error(`no mode ${mode}; there are ${Object.keys(modes).join(", ")}`)
await Effect.runPromise(Effect.scoped(run))
