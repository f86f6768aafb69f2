/** SIGKILL at a random moment, again and again on the same log: whatever was confirmed is there, whole and in order. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import { startChild } from "../support/child-process.ts"
import { makeRandom, runSeed } from "../support/initiator/random.ts"
import { verify } from "../support/verify-log.ts"
import { numbersOf, temporaryDirectory } from "./support.ts"

const childFile = join(import.meta.dirname, "child.ts")
const rounds = 5
const waitMillis = 90_000

/** Lets a child append for a while, kills it, and gives what it had confirmed: seq and number. */
const crashOnce = async (directory: string, killAfterAcks: number): Promise<ReadonlyMap<number, number>> => {
  const child = await startChild({ command: process.execPath, args: [childFile, "append", directory] })
  const until = performance.now() + waitMillis
  const acked = () => [...child.stdout().matchAll(/^acked (\d+) (\d+)$/gm)]
  while (acked().length < killAfterAcks) {
    if (child.exitStatus() !== undefined || performance.now() > until) assert.fail(child.stderr())
    await new Promise((resolve) => setImmediate(resolve))
  }
  child.signal("SIGKILL")
  await child.exited
  return new Map(acked().map(([, seq, n]) => [Number(seq), Number(n)]))
}

describe("a log whose process is killed", () => {
  it.live("has everything that was confirmed, and nothing half", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const random = makeRandom(runSeed(3))
        let confirmed = 0
        for (let round = 0; round < rounds; round++) {
          const acked = yield* Effect.promise(() => crashOnce(directory, random.between(1, 400)))
          confirmed += acked.size
          yield* Effect.scoped(
            Effect.gen(function* () {
              const log = yield* openForReading(directory)
              const { controlRecords } = yield* verify(log)
              assert.isAtLeast(controlRecords, confirmed)
              const records = yield* Stream.runCollect(log.read())
              const bySeq = new Map(records.map((record) => [record.seq, record]))
              for (const [seq, n] of acked) {
                const record = bySeq.get(seq)
                assert.deepStrictEqual(record === undefined ? [] : numbersOf([record]), [n], `seq ${seq}`)
              }
            })
          )
        }
      })
    )
  )
})
