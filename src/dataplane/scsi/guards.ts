/**
 * What keeps a command away from a unit that knows it: the medium is out, or the unit has an obstacle.
 * `LogicalUnit.guarded` says whether anything does, so that the hot path pays one compare.
 */
import type { CommandDefinition } from "./CommandDefinition.ts"
import type { LogicalUnit } from "./LogicalUnit.ts"
import { tellObstacle } from "./Obstacle.ts"
import type { ScsiTask } from "./ScsiTask.ts"
import { SenseCode, SenseKey } from "./sense-codes.ts"

/** Ends the task, if something keeps it from a guarded unit. */
export const guardRefuses = (task: ScsiTask, unit: LogicalUnit, command: CommandDefinition): boolean => {
  if (!unit.media.loaded && (command.usesMedium || command.needsMedium === true)) {
    task.checkCondition(SenseKey.notReady, SenseCode.mediumNotPresent)
    return true
  }
  const obstacle = unit.obstacles.find((held) => held.stops(command))
  if (obstacle !== undefined) tellObstacle(task, obstacle)
  return obstacle !== undefined
}
