/**
 * Task management functions (RFC 7143 sections 4.2.5.4 and 11.5): ABORT TASK, ABORT TASK SET and LOGICAL UNIT RESET.
 * The response follows when the commands that are aborted have left the bdev, so that none of them can write later.
 */
import { taskManagementTimeoutMillis } from "../limits.ts"
import { decodeLun } from "../scsi/lun.ts"
import { SenseCode } from "../scsi/sense-codes.ts"
import type { CommandPath } from "./CommandPath.ts"
import type { Connection } from "./Connection.ts"
import { type IscsiTask, TaskPhase } from "./IscsiTask.ts"
import { bhsAt, flagsOf, initiatorTaskTagOf, reservedTag } from "./pdu/bhs.ts"
import {
  referencedTaskTagOf,
  TaskManagementFunction,
  TaskManagementResult,
  writeTaskManagementResponse
} from "./pdu/session-control.ts"
import type { LunPath, SessionCommands } from "./Session.ts"
import type { SubmittedCommand } from "./Target.ts"

/** What a function was, and what came of it. */
export interface TaskManagementOutcome {
  /** See `TaskManagementFunction`. */
  readonly code: number
  /** As `decodeLun` gave it. */
  readonly lun: number
  /** The name of the LUN's disk, if there is such a LUN. */
  readonly bdev: string | undefined
  /** Undefined where the function has none. */
  readonly referencedTaskTag: number | undefined
  /** Commands that it ended. */
  readonly aborted: number
  /** See `TaskManagementResult`. */
  readonly result: number
  readonly durationMillis: number
}

const nothing = Buffer.alloc(0)

const respond = (connection: Connection, initiatorTaskTag: number, result: number): void => {
  if (connection.state !== "full-feature") return
  const n = connection.numbers()
  connection.send(nothing, (b, at) => writeTaskManagementResponse(b, at, initiatorTaskTag, result, n))
}

/**
 * Aborts tasks, and calls `done` once, when all of them and all `others` are back from their bdevs or have taken too
 * long.
 */
const abortAll = (
  tasks: ReadonlyArray<readonly [SessionCommands, IscsiTask]>,
  done: (result: number, aborted: number) => void,
  others: ReadonlyArray<SubmittedCommand> = []
): void => {
  let left = 0
  let timer: NodeJS.Timeout | undefined
  const finish = (result: number): void => {
    if (timer !== undefined) clearTimeout(timer)
    left = -1
    done(result, tasks.length)
  }
  const waitFor = (command: SubmittedCommand): void => {
    left++
    command.whenEnded(() => {
      left--
      if (left === 0) finish(TaskManagementResult.Complete)
    })
  }
  for (const command of others) waitFor(command)
  for (const [path, task] of tasks) {
    path.abort(task)
    // One that had not begun at the bdev is back already.
    if (task.phase === TaskPhase.Zombie) waitFor(task)
  }
  if (left === 0) finish(TaskManagementResult.Complete)
  else {
    timer = setTimeout(() => {
      if (left > 0) finish(TaskManagementResult.Rejected)
    }, taskManagementTimeoutMillis)
    timer.unref()
  }
}

const tasksOf = (
  path: SessionCommands,
  matches: (task: IscsiTask) => boolean
): Array<readonly [SessionCommands, IscsiTask]> =>
  [...path.tasks.values()].filter(matches).map((task) => [path, task] as const)

/** Every initiator's commands of the unit, whatever target they came by. */
const tasksOfUnit = (connection: Connection, path: LunPath): Array<readonly [SessionCommands, IscsiTask]> =>
  [...connection.node.sessions.values()].flatMap((session) => {
    const commands = session.connection?.commands
    return commands === undefined ? [] : tasksOf(commands, (task) => task.mapping?.unit === path.mapping.unit)
  })

/**
 * Commands of the unit that nobody waits for any more, because they were aborted or their connection has ended, but
 * that its bdev still has: a write among them would come after what the initiator does next.
 */
const zombiesOfUnit = (connection: Connection, path: LunPath): ReadonlyArray<SubmittedCommand> => {
  const zombies: Array<SubmittedCommand> = []
  for (const target of connection.node.targets.values()) {
    for (const mapping of Object.values(target.luns)) {
      if (mapping?.unit !== path.mapping.unit) continue
      for (const command of mapping.submitted) if (command.isZombie) zombies.push(command)
    }
  }
  return zombies
}

/** Carries out a Task Management Function Request. */
export const manageTasks = (connection: Connection, commands: CommandPath, header: Buffer): void => {
  const tag = initiatorTaskTagOf(header, 0)
  const lun = decodeLun(header, bhsAt.lun)
  const lunPath = commands.session.path(lun)
  const code = flagsOf(header, 0) & 0x7f
  const { node } = connection
  // The header is another PDU's by the time that commands have ended.
  const referencedTaskTag = code === TaskManagementFunction.AbortTask ? referencedTaskTagOf(header, 0) : undefined
  const startedAt = node.now()
  const done = (result: number, aborted = 0): void => {
    respond(connection, tag, result)
    node.listener.tasksManaged(connection, commands.session, {
      code,
      lun,
      bdev: lunPath?.mapping.unit.name,
      referencedTaskTag,
      aborted,
      result,
      durationMillis: Math.round(node.now() - startedAt)
    })
  }
  switch (code) {
    case TaskManagementFunction.AbortTask: {
      const task = commands.tasks.get(referencedTaskTag ?? reservedTag)
      // A LUN that the session's map has hidden meanwhile still has the session's commands.
      if (task?.mapping?.active && task.mapping.lun === lun) return abortAll([[commands, task]], done)
      return done(lunPath === undefined ? TaskManagementResult.NoSuchLun : TaskManagementResult.NoSuchTask)
    }
    case TaskManagementFunction.AbortTaskSet: {
      if (lunPath === undefined) return done(TaskManagementResult.NoSuchLun)
      return abortAll(
        tasksOf(commands, (task) => task.mapping === lunPath.mapping),
        done
      )
    }
    case TaskManagementFunction.LogicalUnitReset: {
      if (lunPath === undefined) return done(TaskManagementResult.NoSuchLun)
      lunPath.mapping.unit.establishUnitAttention(SenseCode.busDeviceResetFunctionOccurred, lunPath.nexus)
      return abortAll(tasksOfUnit(connection, lunPath), done, zombiesOfUnit(connection, lunPath))
    }
    case TaskManagementFunction.ClearAca:
    case TaskManagementFunction.ClearTaskSet:
    case TaskManagementFunction.TargetWarmReset:
    case TaskManagementFunction.TargetColdReset:
    case TaskManagementFunction.TaskReassign:
      return done(TaskManagementResult.NotSupported)
    default:
      return done(TaskManagementResult.Rejected)
  }
}
