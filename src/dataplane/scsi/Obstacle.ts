/**
 * A condition of the whole unit that commands are refused for: its medium is being sanitized, is out, ... Every
 * initiator gets the same sense data for it, and REQUEST SENSE tells it.
 */
import type { CommandDefinition } from "./CommandDefinition.ts"
import type { ScsiTask } from "./ScsiTask.ts"
import type { SenseCode, SenseKey } from "./sense-codes.ts"

/** One condition; `LogicalUnit.obstacles` has those that hold now. */
export interface Obstacle {
  readonly senseKey: SenseKey
  readonly senseCode: SenseCode
  /** How much is done, in 65,536ths, for the progress indication (SPC-4 4.5.2.4.4); -1 without one. */
  readonly progress: number
  /** Whether a command fails because of it. */
  stops(command: CommandDefinition): boolean
  /** The unit goes away: nothing is done at its bdev any more. */
  stop?(): void
}

/** Ends the task with what an obstacle tells. */
export const tellObstacle = (task: ScsiTask, { progress, senseCode, senseKey }: Obstacle): void => {
  task.checkCondition(senseKey, senseCode)
  task.progress = progress
}
