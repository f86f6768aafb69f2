/**
 * Folds histories in a process of its own, in another way than the one who wrote them:
 * `fold-child.ts SEED FILE ANSWER`.
 *
 * A line of FILE is a history, an array of stored records in base64. The state comes through its snapshot at random
 * places, and batches of random length are folded in place. ANSWER gets, per history, a line with an array of the
 * canonical states after every `stateEvery` records and at the end.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { initialState, inPlace, type State } from "../../src/domain/State.ts"
import { canonical, foldRecord, storedRecord } from "./golden-log.ts"
import { throughSnapshot } from "./invariants.ts"
import { type Dice, diceOf } from "./random.ts"
import { stateEvery } from "./random-history.ts"

/** Three ways from one record to a later one, at most `limit` further. */
const step = ({ roll }: Dice, state: State, limit: number): { readonly from: State; readonly count: number } => ({
  from: roll(8) === 0 ? throughSnapshot(state) : state,
  count: 1 + roll(Math.min(limit, roll(4) === 0 ? 20 : 2))
})

const statesOf = (dice: Dice, values: ReadonlyArray<string>): ReadonlyArray<string> => {
  const records = values.map((value) => storedRecord(new Uint8Array(Buffer.from(value, "base64"))))
  const states: Array<string> = []
  let state = initialState
  for (let done = 0; done < records.length; ) {
    const due = Math.min(records.length, (Math.floor(done / stateEvery) + 1) * stateEvery)
    const { count, from } = step(dice, state, due - done)
    const batch = records.slice(done, done + count)
    state = count > 1 ? inPlace(from, (draft) => batch.reduce(foldRecord, draft)) : batch.reduce(foldRecord, from)
    done += count
    if (done === due) states.push(canonical(state))
  }
  return states
}

const [, , seed = "1", file = "", answer = ""] = process.argv
const dice = diceOf(Number(seed))
const histories = readFileSync(file, "utf8").split("\n").filter(Boolean)
writeFileSync(answer, histories.map((line) => `${JSON.stringify(statesOf(dice, JSON.parse(line)))}\n`).join(""))
