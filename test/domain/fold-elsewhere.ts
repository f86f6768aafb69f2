/**
 * Folds random histories here and in processes elsewhere: in another time zone and language, with other random numbers,
 * hashes, stack and optimisation, through other snapshots and other batches.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert } from "vitest"
import type { Event } from "../../src/domain/Event.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { initialState } from "../../src/domain/State.ts"
import { runCommand } from "../support/child-process.ts"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"
import { canonical } from "./golden-log.ts"
import { stateEvery, storedHistory } from "./random-history.ts"

/** Folded here: event by event, in memory, through no codec. */
const statesHere = (events: ReadonlyArray<Event>): ReadonlyArray<string> => {
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

/** The states of each history, as a process elsewhere folds them. */
const foldThere = async (place: (typeof places)[number], file: string, seed: number, answerFile: string) => {
  const args = [...place.flags, join(import.meta.dirname, "fold-child.ts"), String(seed), file, answerFile]
  const command = { command: process.execPath, args, environment: place.environment }
  const result = await runCommand(command, 60_000)
  assert.strictEqual(result.code, 0, result.stderr)
  const lines = readFileSync(answerFile, "utf8").trimEnd().split("\n")
  return lines.map((line): ReadonlyArray<string> => JSON.parse(line))
}

/** Fails at the first state that is another elsewhere. `seed` chooses snapshots and batches. */
export const assertFoldsElsewhere = async (
  histories: ReadonlyArray<ReadonlyArray<Event>>,
  seed: number
): Promise<void> => {
  const directory = makeDirectory("fold")
  try {
    const file = join(directory, "histories.ndjson")
    const stored = histories.map((events) => storedHistory(events).map(({ value }) => Buffer.from(value)))
    const lines = stored.map((values) => JSON.stringify(values.map((value) => value.toString("base64"))))
    writeFileSync(file, lines.join("\n"))
    const answers = await Promise.all(
      places.map((place, index) => foldThere(place, file, seed + index, join(directory, `answer${index}`)))
    )
    for (const [index, events] of histories.entries()) {
      const here = statesHere(events)
      for (const [at, answer] of answers.entries()) {
        const what = `history ${index} of seed ${seed}, ${places[at]?.name}`
        assert.lengthOf(answer[index] ?? [], here.length, what)
        for (const [number, text] of here.entries()) assert.strictEqual(answer[index]?.[number], text, what)
      }
    }
  } finally {
    removeDirectory(directory)
  }
}
