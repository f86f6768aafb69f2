/**
 * The same log gives the same state, byte for byte, in any process: in another time zone and language, with other
 * random numbers, hashes, stack and optimisation, through other snapshots and other batches. `LUNLOG_TEST_SEED` starts
 * elsewhere.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import { readState } from "../../src/domain/control-start.ts"
import { evolve, FOLD_VERSION } from "../../src/domain/evolve.ts"
import { initialState } from "../../src/domain/State.ts"
import { runCommand } from "../support/child-process.ts"
import { sessionLog } from "../support/session-log.ts"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"
import { canonical, foldRecord } from "./golden-log.ts"
import { randomHistory, stateEvery, storedHistory } from "./random-history.ts"

const firstSeed = Number(process.env["LUNLOG_TEST_SEED"] ?? 1)
const histories = Array.from({ length: 40 }, (_, index) => randomHistory(firstSeed + index))

/** Folded here: event by event, in memory, through no codec. */
const statesHere = (events: (typeof histories)[number]): ReadonlyArray<string> => {
  const states: Array<string> = []
  let state = initialState
  for (const [index, event] of events.entries()) {
    const done = index + 1
    state = evolve(state, event, done)
    if (done % stateEvery === 0 || done === events.length) states.push(canonical(state))
  }
  return states
}

const places = [
  {
    name: "in Turkish on Kiritimati",
    environment: { TZ: "Pacific/Kiritimati", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" },
    flags: ["--random-seed=7", "--hash-seed=20011", "--stack-size=700"]
  },
  {
    name: "in the C locale, unoptimised",
    environment: { TZ: "America/St_Johns", LANG: undefined, LC_ALL: "C" },
    flags: ["--random-seed=1234567", "--no-opt", "--no-sparkplug"]
  }
]

const foldThere = async ({ environment, flags }: (typeof places)[number], file: string, seed: number) => {
  const args = [...flags, join(import.meta.dirname, "fold-child.ts"), String(seed), file]
  const result = await runCommand({ command: process.execPath, args, environment }, 60_000)
  assert.strictEqual(result.code, 0, result.stderr)
  return result.stdout.trimEnd().split("\n")
}

/** The state that a start finds, from its newest snapshot, and the one that all records fold to. */
const statesOf = (directory: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const archive = yield* openForReading(directory)
      const snapshot = yield* archive.readSnapshot(FOLD_VERSION)
      const started = yield* readState(archive)
      const folded = yield* archive.fold({ kind: "control" }, initialState, foldRecord)
      return { snapshotSeq: snapshot?.controlSeq, started: canonical(started.state), folded: canonical(folded) }
    })
  )

describe("logs of real sessions", () => {
  it.each(["whole", "cut"] as const)("%s, fold to what a start makes of their snapshots", async (variant) => {
    using log = await sessionLog(variant)
    const { folded, snapshotSeq, started } = await Effect.runPromise(statesOf(log.logDirectory))
    assert.isDefined(snapshotSeq)
    assert.strictEqual(started, folded)
  })
})

describe("random histories", () => {
  it("have starts in the middle of removals", () => {
    const events = histories.flat()
    const interrupted = events.filter((event) => event._tag === "LunRemoved" && event.cause === "boot")
    assert.isAbove(interrupted.length, 5)
    assert.isAbove(events.length / stateEvery, 200)
  })

  it("fold to the same bytes in other processes", async () => {
    const directory = makeDirectory("fold")
    try {
      const file = join(directory, "histories.ndjson")
      const stored = histories.map((events) => storedHistory(events).map(({ value }) => Buffer.from(value)))
      const lines = stored.map((values) => JSON.stringify(values.map((value) => value.toString("base64"))))
      writeFileSync(file, lines.join("\n"))
      const answers = await Promise.all(places.map((place, index) => foldThere(place, file, firstSeed + index)))
      for (const [index, events] of histories.entries()) {
        const here = statesHere(events)
        for (const [at, answer] of answers.entries()) {
          const there: ReadonlyArray<string> = JSON.parse(answer[index] ?? "[]")
          const what = `seed ${firstSeed + index}, ${places[at]?.name}`
          assert.lengthOf(there, here.length, what)
          for (const [number, text] of here.entries()) assert.strictEqual(there[number], text, `${what}, ${number}`)
        }
      }
    } finally {
      removeDirectory(directory)
    }
  })
})
