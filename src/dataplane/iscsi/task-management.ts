/**
 * Task management functions (RFC 7143 sections 4.2.3 and 11.5, SAM-5 chapter 7). A function acts when it is delivered:
 * on the commands that have come before it on the connection, and, where it says so, on those of other sessions.
 *
 * The response follows when the commands that are aborted have left the bdev, so that none of them can write later.
 */
import { pendingFunctionsMax, taskManagementTimeoutMillis } from "../limits.ts"
import { decodeLun } from "../scsi/lun.ts"
import { SenseCode } from "../scsi/sense-codes.ts"
import { abortTasks, clearTasks, type TaskOfSession, tasksOf, tasksOfUnit, zombiesOfUnit } from "./abort-tasks.ts"
import type { CommandPath } from "./CommandPath.ts"
import type { Connection } from "./Connection.ts"
import { bhsAt, cmdSnOf, flagsOf, initiatorTaskTagOf, reservedTag } from "./pdu/bhs.ts"
import {
  RejectReason,
  refCmdSnOf,
  referencedTaskTagOf,
  TaskManagementFunction,
  TaskManagementResult,
  writeTaskManagementResponse
} from "./pdu/session-control.ts"
import type { LunPath, Session } from "./Session.ts"
import { serialBefore, serialWithin } from "./serial-number.ts"
import { dropSessions, resetTarget } from "./target-reset.ts"

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
  /** The request's number, of the recorder of its connection. */
  readonly ordinal: number
}

const nothing = Buffer.alloc(0)

const respond = (connection: Connection, initiatorTaskTag: number, result: number): void => {
  if (connection.state !== "full-feature") return
  const n = connection.numbers()
  connection.send(nothing, (b, at) => writeTaskManagementResponse(b, at, initiatorTaskTag, result, n))
}

/** A function that is being carried out. */
interface Request {
  readonly connection: Connection
  readonly commands: CommandPath
  readonly session: Session
  readonly header: Buffer
  readonly lun: number
  /** Undefined: no such LUN. */
  readonly path: LunPath | undefined
  readonly done: (result: number, aborted?: number) => void
}

/** Aborts these and answers `Function complete`. */
const complete =
  ({ done }: Request, tasks: ReadonlyArray<TaskOfSession>) =>
  (): void =>
    done(TaskManagementResult.Complete, tasks.length)

/**
 * RFC 7143 section 11.6.1: a task that is not there may not have come yet. If its CmdSN is one that may still come
 * before this function's, it counts as received and aborted.
 */
const abortTask = (request: Request): void => {
  const { commands, connection, done, header, lun, path, session } = request
  const tag = referencedTaskTagOf(header, 0)
  // "ABORT TASK MUST NOT be executed on a Task Management Request" (section 11.5.1).
  if (connection.managing.has(tag)) return done(TaskManagementResult.Rejected)
  const task = commands.tasks.get(tag)
  // A LUN that the session's map has hidden meanwhile still has the session's commands.
  if (task?.mapping?.active && task.mapping.lun === lun) {
    const tasks = [{ session, commands, task }]
    return abortTasks(tasks, complete(request, tasks))
  }
  if (path === undefined) return done(TaskManagementResult.NoSuchLun)
  const refCmdSn = refCmdSnOf(header, 0)
  const mayCome = task === undefined && serialWithin(refCmdSn, session.expCmdSn, session.maxCmdSn)
  if (!mayCome || !serialBefore(refCmdSn, cmdSnOf(header, 0))) {
    return done(TaskManagementResult.NoSuchTask)
  }
  session.takeAsReceived(refCmdSn)
  done(TaskManagementResult.Complete)
}

const abortTaskSet = (request: Request, { mapping }: LunPath): void => {
  const tasks = tasksOf(request.session, (task) => task.mapping === mapping)
  abortTasks(tasks, complete(request, tasks))
}

/** TST is 000b: the unit has one task set for all initiators. */
const clearTaskSet = (request: Request, { mapping, nexus }: LunPath): void => {
  const { node } = request.connection
  const tasks = tasksOfUnit(node, mapping.unit)
  clearTasks(tasks, nexus, complete(request, tasks), zombiesOfUnit(node, mapping.unit))
}

const resetUnit = (request: Request, { mapping }: LunPath): void => {
  const { node } = request.connection
  const { unit } = mapping
  const tasks = tasksOfUnit(node, unit)
  abortTasks(tasks, complete(request, tasks), zombiesOfUnit(node, unit))
  unit.reset(SenseCode.busDeviceResetFunctionOccurred)
}

const coldReset = (request: Request): void => {
  const { connection, done, session } = request
  const { target } = session.identity
  resetTarget(connection.node, target, (aborted) => {
    done(TaskManagementResult.Complete, aborted)
    dropSessions(connection.node, target, `TARGET COLD RESET by ${session.identity.initiatorName}`)
  })
}

const onUnit = (request: Request, act: (request: Request, path: LunPath) => void): void => {
  if (request.path === undefined) request.done(TaskManagementResult.NoSuchLun)
  else act(request, request.path)
}

const carryOut = (code: number, request: Request): void => {
  const { connection, done, session } = request
  switch (code) {
    case TaskManagementFunction.AbortTask:
      return abortTask(request)
    case TaskManagementFunction.AbortTaskSet:
      return onUnit(request, abortTaskSet)
    case TaskManagementFunction.ClearTaskSet:
      return onUnit(request, clearTaskSet)
    case TaskManagementFunction.LogicalUnitReset:
      return onUnit(request, resetUnit)
    case TaskManagementFunction.TargetWarmReset:
      return resetTarget(connection.node, session.identity.target, (aborted) =>
        done(TaskManagementResult.Complete, aborted)
      )
    case TaskManagementFunction.TargetColdReset:
      return coldReset(request)
    case TaskManagementFunction.ClearAca:
      // NACA is refused, so that there is never an auto contingent allegiance.
      return done(TaskManagementResult.NotSupported)
    case TaskManagementFunction.TaskReassign:
      // ErrorRecoveryLevel is below 2.
      return done(TaskManagementResult.ReassignmentNotSupported)
    default:
      return done(TaskManagementResult.Rejected)
  }
}

/**
 * Commands before the function may still be on their way over other connections; it covers them, too (RFC 7143 section
 * 4.2.3.3, b). After 10 s it does without them.
 */
const whenCommandsHaveCome = ({ connection, done, header, session }: Request, then: () => void): void => {
  const goOn = (): void => {
    clearTimeout(timer)
    session.notAfterCommands(goOn)
    if (connection.state === "full-feature") then()
    else done(TaskManagementResult.Rejected)
  }
  const timer = setTimeout(goOn, taskManagementTimeoutMillis).unref()
  session.afterCommands(cmdSnOf(header, 0), goOn)
}

/** Carries out a Task Management Function Request, or says why it is to be rejected (RFC 7143 section 11.17.1). */
export const manageTasks = (connection: Connection, commands: CommandPath, header: Buffer): number | undefined => {
  const tag = initiatorTaskTagOf(header, 0)
  const { managing, node } = connection
  if (tag === reservedTag) return RejectReason.InvalidPduField
  if (managing.has(tag) || commands.tasks.has(tag)) return RejectReason.TaskInProgress
  if (managing.size >= pendingFunctionsMax) return RejectReason.ImmediateCommandReject
  const { session } = commands
  const lun = decodeLun(header, bhsAt.lun)
  const path = session.path(lun)
  const code = flagsOf(header, 0) & 0x7f
  // The header is another PDU's by the time that commands have ended.
  const referencedTaskTag = code === TaskManagementFunction.AbortTask ? referencedTaskTagOf(header, 0) : undefined
  const startedAt = node.now()
  const ordinal = connection.recorder.lastReceived
  managing.add(tag)
  const done = (result: number, aborted = 0): void => {
    managing.delete(tag)
    respond(connection, tag, result)
    const durationMillis = Math.round(node.now() - startedAt)
    const bdev = path?.mapping.unit.name
    node.listener.tasksManaged(connection, session, {
      code,
      lun,
      bdev,
      referencedTaskTag,
      aborted,
      result,
      durationMillis,
      ordinal
    })
  }
  const request = { connection, commands, session, header: Buffer.from(header), lun, path, done }
  if (code === TaskManagementFunction.AbortTask || session.connections.size === 1) carryOut(code, request)
  else whenCommandsHaveCome(request, () => carryOut(code, request))
  return undefined
}
