/**
 * A shorter journal that still fails: parts are left out, large ones first, as long as the rest fails. A failure that
 * depends on the moment may be lost on the way; each part gets a second chance.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { grouped, journalText, readJournal, type Step } from "./Action.ts"
import { type PlayOptions, playSteps } from "./play.ts"
import { type Extent, makeSchedule } from "./Schedule.ts"

/** Plays at most. */
const playsMax = 120
const attempts = 2

const fails = async (seed: number, steps: ReadonlyArray<Step>, options: PlayOptions): Promise<boolean> => {
  for (let attempt = 0; attempt < attempts; attempt++) {
    try {
      await playSteps(seed, steps, options)
    } catch {
      return true
    }
  }
  return false
}

/** Ends of lives stay: without them there is nothing to restart. */
const isKept = ({ action }: Step): boolean => action.do === "kill" || action.do === "stop"

/** Parts to leave out, the coarsest way first. */
const partings: ReadonlyArray<(steps: ReadonlyArray<Step>) => ReadonlyArray<ReadonlyArray<Step>>> = [
  (steps) => grouped(steps, ({ life }) => life).map(([, own]) => own),
  (steps) => grouped(steps, ({ life, round }) => life * 1000 + round).map(([, own]) => own),
  (steps) => grouped(steps, ({ lane }) => lane).map(([, own]) => own),
  (steps) => grouped(steps, ({ lane, life, round }) => (life * 1000 + round) * 1000 + lane).map(([, own]) => own),
  (steps) => steps.map((step) => [step])
]

/** Shrinks what a seed, or a journal, stands for; says where the result is. */
export const shrink = async (
  seed: number,
  journal: string | undefined,
  extent: Extent,
  options: PlayOptions,
  say: (text: string) => void
): Promise<void> => {
  let steps = journal === undefined ? makeSchedule(seed, extent) : readJournal(journal)
  const file = join(options.keep ?? ".", `shrunk-${seed}.jsonl`)
  let plays = 0
  for (const part of partings) {
    for (const left of part(steps).toReversed()) {
      const rest = steps.filter((step) => isKept(step) || !left.includes(step))
      if (rest.length === steps.length || plays++ >= playsMax) continue
      if (await fails(seed, rest, options)) {
        steps = rest
        writeFileSync(file, journalText(steps))
        say(`${steps.length} actions still fail`)
      }
    }
  }
  say(`${steps.length} actions are in ${file}: npm run chaos -- --seed ${seed} --journal ${file}`)
}
