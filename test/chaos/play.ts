/** Plays a run in a folder of its own, and keeps what is needed to look into it if it fails. */
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"
import { journalText, type Step } from "./Action.ts"
import { Chaos, type RunOptions, type RunReport } from "./Chaos.ts"
import { type Extent, makeSchedule } from "./Schedule.ts"

/** What one run does unless it is told otherwise: some ten seconds. */
export const defaultExtent: Extent = { lives: 3, rounds: 6, actions: 5 }

/** How to play. */
export interface PlayOptions extends Pick<RunOptions, "program" | "onRound"> {
  /** Where evidence of a failure goes; else into the folder for temporary files. */
  readonly keep?: string
}

/** Every other seed has files with a cache that a kill empties; the others have all of libc. */
const isVolatileSeed = (seed: number): boolean => seed % 2 === 1

const keepEvidence = (chaos: Chaos, from: string, folder: string, message: string): void => {
  mkdirSync(folder, { recursive: true })
  for (const part of ["state", "run.log", "actions.jsonl", "stderr.txt"]) {
    if (existsSync(join(from, part))) cpSync(join(from, part), join(folder, part), { recursive: true })
  }
  mkdirSync(join(folder, "pdus"), { recursive: true })
  for (const ring of chaos.world.rings) writeFileSync(join(folder, "pdus", `${ring.name}.pcap`), ring.capture())
  writeFileSync(join(folder, "failure.txt"), message)
}

/** Plays steps. Rejects if something is wrong, with where the evidence is. */
export const playSteps = async (
  seed: number,
  steps: ReadonlyArray<Step>,
  { keep, ...options }: PlayOptions = {}
): Promise<RunReport> => {
  const directory = makeDirectory("chaos")
  const chaos = new Chaos({ directory, isVolatile: isVolatileSeed(seed), ...options })
  try {
    writeFileSync(join(directory, "actions.jsonl"), journalText(steps))
    return await chaos.play(steps)
  } catch (error) {
    await chaos.end()
    writeFileSync(join(directory, "stderr.txt"), chaos.stderr())
    const folder = keep === undefined ? makeDirectory("chaos-kept") : join(keep, `seed-${seed}`)
    const message =
      error instanceof Error ? (error.name === "ChaosFailure" ? error.message : error.stack) : String(error)
    const text =
      `seed ${seed}, ${message}\n` +
      `evidence is in ${folder}; to see it again: npm run chaos -- --seed ${seed} --journal ${folder}/actions.jsonl`
    keepEvidence(chaos, directory, folder, text)
    throw new Error(text, { cause: error })
  } finally {
    removeDirectory(directory)
  }
}

/** Plays what a seed stands for. */
export const playSeed = (seed: number, extent: Extent, options: PlayOptions = {}): Promise<RunReport> =>
  playSteps(seed, makeSchedule(seed, extent), options)
