/**
 * The end of commands that nobody is to answer (SAM-5 5.6, RFC 7143 section 4.2.3.3): for task management functions,
 * and for reservations that are preempted.
 *
 * An aborted command is not in the task set any more: no response of it follows. Data-Out of it that is still on its
 * way is taken off the wire; target transfer tags do not come again for 2^32 transfers, so nothing has to wait for it.
 * What a bdev has cannot be called back; whoever aborts waits for it, but not for ever.
 */
import { taskManagementTimeoutMillis } from "../limits.ts"
import type { LogicalUnit } from "../scsi/LogicalUnit.ts"
import type { Nexus } from "../scsi/Nexus.ts"
import type { Registrant } from "../scsi/reservations/ReservationsView.ts"
import { SenseCode } from "../scsi/sense-codes.ts"
import type { IscsiNode } from "./IscsiNode.ts"
import { type IscsiTask, TaskPhase } from "./IscsiTask.ts"
import { MappingUse } from "./MappingUse.ts"
import type { Session, SessionCommands } from "./Session.ts"
import type { SubmittedCommand } from "./Target.ts"

/** A command that is to be aborted, and whose it is. */
export interface TaskOfSession {
  readonly session: Session
  readonly commands: SessionCommands
  readonly task: IscsiTask
}

/** The commands of a session that `matches`. */
export const tasksOf = (session: Session, matches: (task: IscsiTask) => boolean): ReadonlyArray<TaskOfSession> => {
  const found: Array<TaskOfSession> = []
  for (const { commands } of session.connections) {
    if (commands === undefined) continue
    for (const task of commands.tasks.values()) if (matches(task)) found.push({ session, commands, task })
  }
  return found
}

/** Commands of a unit, of all sessions that `of` accepts, whatever target and LUN they came by. */
export const tasksOfUnit = (
  node: { readonly sessions: ReadonlyMap<number, Session> },
  unit: LogicalUnit,
  of: (session: Session) => boolean = () => true
): ReadonlyArray<TaskOfSession> =>
  [...node.sessions.values()].filter(of).flatMap((session) => tasksOf(session, (task) => task.mapping?.unit === unit))

/** What the bdev of a unit has now, of all sessions, targets and LUNs. */
const submittedTo = (node: IscsiNode, unit: LogicalUnit): ReadonlyArray<SubmittedCommand> =>
  [...node.targets.values()]
    .flatMap(({ luns }) => luns)
    .flatMap((mapping) => (mapping?.unit === unit ? [...mapping.submitted] : []))

/**
 * Commands of a unit that nobody waits for any more, because they were aborted or their connection has ended, but that
 * its bdev still has: a write among them would come after what the initiator does next.
 */
export const zombiesOfUnit = (node: IscsiNode, unit: LogicalUnit): ReadonlyArray<SubmittedCommand> =>
  submittedTo(node, unit).filter((command) => command.isZombie)

/**
 * Aborts commands, and calls `done` once: when all of them and all `others` are back from their bdevs, or after 10 s.
 * They are aborted in either case. A write that a bdev has even then keeps other commands off its blocks until it is
 * back (they get BUSY), so that it changes nothing that comes later: the function is complete.
 */
export const abortTasks = (
  tasks: ReadonlyArray<TaskOfSession>,
  done: () => void,
  others: ReadonlyArray<SubmittedCommand> = []
): void => {
  let left = 0
  let timer: NodeJS.Timeout | undefined
  const finish = (): void => {
    if (timer !== undefined) clearTimeout(timer)
    left = -1
    done()
  }
  const waitFor = (command: SubmittedCommand): void => {
    left++
    command.whenEnded(() => {
      left--
      if (left === 0) finish()
    })
  }
  for (const command of others) waitFor(command)
  for (const { commands, task } of tasks) {
    commands.abort(task)
    // One that had not begun at the bdev is back already.
    if (task.phase === TaskPhase.Zombie) waitFor(task)
  }
  if (left === 0) return finish()
  timer = setTimeout(() => {
    if (left > 0) finish()
  }, taskManagementTimeoutMillis)
  timer.unref()
}

/**
 * Aborts what other initiators have in a task set: CLEAR TASK SET, PREEMPT AND ABORT. `by` is the nexus that asks for
 * it; everyone else who loses a command learns of it, once by a unit attention (2F/00), or with TAS=1 by the status
 * TASK ABORTED of the command (SAM-5 5.6.4, SPC-4 7.5.8).
 */
export const clearTasks = (
  tasks: ReadonlyArray<TaskOfSession>,
  by: Nexus | undefined,
  done: () => void,
  others: ReadonlyArray<SubmittedCommand> = []
): void => {
  const silent: Array<TaskOfSession> = []
  const waitedFor = [...others]
  for (const one of tasks) {
    const { commands, session, task } = one
    const nexus = session.path(task.scsi.lun)?.nexus
    const isForeign = nexus !== undefined && nexus !== by
    if (isForeign && nexus.unit.modeValues.taskAbortedStatus) {
      commands.endAborted(task)
      if (task.phase === TaskPhase.Zombie) waitedFor.push(task)
    } else {
      if (isForeign) nexus.establish(SenseCode.commandsClearedByAnotherInitiator)
      silent.push(one)
    }
  }
  abortTasks(silent, done, waitedFor)
}

/**
 * Aborts the commands that those whom `of` accepts have in a unit's task set, as PREEMPT AND ABORT does (SPC-4
 * 5.13.11.2.6); `done` is told how many, when none of them can change the medium any more. Their copies from other
 * units are not in this task set: what they have at the disk is waited for, and they find that they may not go on.
 */
export const abortTasksOf = (
  node: IscsiNode,
  unit: LogicalUnit,
  of: (who: { readonly registrant: Registrant }) => boolean,
  by: Nexus | undefined,
  done: (aborted: number) => void
): void => {
  const tasks = tasksOfUnit(node, unit, of)
  const copies = submittedTo(node, unit).filter((use) => use instanceof MappingUse && !use.isZombie && of(use.nexus))
  clearTasks(tasks, by, () => done(tasks.length), [...zombiesOfUnit(node, unit), ...copies])
}
