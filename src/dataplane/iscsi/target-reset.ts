/**
 * TARGET WARM RESET and TARGET COLD RESET (RFC 7143 section 11.5.1): a reset of every logical unit of the target; the
 * cold one ends its sessions, too.
 */
import type { LogicalUnit } from "../scsi/LogicalUnit.ts"
import { SenseCode } from "../scsi/sense-codes.ts"
import { abortTasks, tasksOfUnit, zombiesOfUnit } from "./abort-tasks.ts"
import type { IscsiNode } from "./IscsiNode.ts"
import type { Target } from "./Target.ts"

/**
 * Aborts all commands of the target's units, whatever target they came by, and tells every initiator of the reset.
 * `done` is told how many, when they have left the bdevs.
 */
export const resetTarget = (node: IscsiNode, target: Target, done: (aborted: number) => void): void => {
  const units = new Set<LogicalUnit>()
  for (const mapping of target.luns) if (mapping?.active) units.add(mapping.unit)
  const tasks = [...units].flatMap((unit) => tasksOfUnit(node, unit))
  const zombies = [...units].flatMap((unit) => zombiesOfUnit(node, unit))
  abortTasks(tasks, () => done(tasks.length), zombies)
  for (const unit of units) unit.reset(SenseCode.scsiBusResetOccurred)
}

/** Ends all sessions of the target; what was answered goes out before. */
export const dropSessions = (node: IscsiNode, target: Target, reason: string): void => {
  for (const session of [...node.sessions.values()]) {
    if (session.identity.target === target) session.closeAfterFlush(reason, "kicked")
  }
}
