/**
 * The PDUs that manage a session rather than move data: NOP (RFC 7143 sections 11.18, 11.19), Text (11.10, 11.11),
 * Logout (11.14, 11.15), task management (11.5, 11.6), Reject (11.17) and Asynchronous Message (11.9).
 */
import { beginHeader, bhsAt, put32, putSequenceNumbers, reservedTag } from "./bhs.ts"
import { TargetOpcode } from "./opcodes.ts"

/** Task management functions, RFC 7143 section 11.5.1. */
export const TaskManagementFunction = {
  AbortTask: 1,
  AbortTaskSet: 2,
  ClearAca: 3,
  ClearTaskSet: 4,
  LogicalUnitReset: 5,
  TargetWarmReset: 6,
  TargetColdReset: 7,
  TaskReassign: 8
} as const

/** Task management responses, RFC 7143 section 11.6.1. */
export const TaskManagementResult = {
  Complete: 0,
  NoSuchTask: 1,
  NoSuchLun: 2,
  ReassignmentNotSupported: 4,
  NotSupported: 5,
  Rejected: 255
} as const

const namedBy =
  (names: Readonly<Record<string, number>>) =>
  (code: number): string =>
    Object.entries(names).find(([, value]) => value === code)?.[0] ?? `0x${code.toString(16).padStart(2, "0")}`

/** `AbortTask`, or the number of a function that there is not. */
export const taskManagementFunctionName = namedBy(TaskManagementFunction)
/** `Complete`. */
export const taskManagementResultName = namedBy(TaskManagementResult)

/** Reject reasons, RFC 7143 section 11.17.1. */
export const RejectReason = {
  DataDigestError: 0x02,
  SnackReject: 0x03,
  ProtocolError: 0x04,
  CommandNotSupported: 0x05,
  ImmediateCommandReject: 0x06,
  TaskInProgress: 0x07,
  InvalidDataAck: 0x08,
  InvalidPduField: 0x09,
  OutOfResources: 0x0a
} as const

/** `CommandNotSupported`. */
export const rejectReasonName = namedBy(RejectReason)

/** Reasons of a logout, RFC 7143 section 11.14.1. */
export const LogoutReason = { CloseSession: 0, CloseConnection: 1, RemoveForRecovery: 2 } as const

/** Logout responses, RFC 7143 section 11.15.1. */
export const LogoutResult = { Success: 0, CidNotFound: 1, RecoveryNotSupported: 2, CleanupFailed: 3 } as const

/** Asynchronous events, RFC 7143 section 11.9.1. */
export const AsyncEvent = { LogoutRequest: 1, ConnectionDrop: 2, SessionDrop: 3 } as const

/** Referenced task tag of a task management request. */
export const referencedTaskTagOf = (b: Buffer, o: number): number => b.readUInt32BE(o + bhsAt.targetTransferTag)
/** CmdSN of the task that an ABORT TASK refers to. */
export const refCmdSnOf = (b: Buffer, o: number): number => b.readUInt32BE(o + 32)
/** CID of a logout request. */
export const logoutCidOf = (b: Buffer, o: number): number => b.readUInt16BE(o + 20)

/** The numbers that every one of these responses carries. */
export interface Numbers {
  readonly statSn: number
  readonly expCmdSn: number
  readonly maxCmdSn: number
}

const begin = (b: Buffer, o: number, opcode: number, flags: number, dataBytes: number, tag: number, n: Numbers) => {
  beginHeader(b, o, opcode, flags, dataBytes)
  put32(b, o + bhsAt.initiatorTaskTag, tag)
  putSequenceNumbers(b, o, n.statSn, n.expCmdSn, n.maxCmdSn)
}

/** NOP-In: an answer (`targetTransferTag` reserved), or a ping (`initiatorTaskTag` reserved). */
export const writeNopIn = (
  b: Buffer,
  o: number,
  initiatorTaskTag: number,
  targetTransferTag: number,
  n: Numbers,
  dataBytes: number
): void => {
  begin(b, o, TargetOpcode.NopIn, 0x80, dataBytes, initiatorTaskTag, n)
  put32(b, o + bhsAt.targetTransferTag, targetTransferTag)
}

/** Text Response. `targetTransferTag` is reserved in the last of an exchange. */
export const writeTextResponse = (
  b: Buffer,
  o: number,
  initiatorTaskTag: number,
  targetTransferTag: number,
  n: Numbers,
  dataBytes: number,
  continues: boolean
): void => {
  const last = targetTransferTag === reservedTag
  begin(b, o, TargetOpcode.TextResponse, (last ? 0x80 : 0) | (continues ? 0x40 : 0), dataBytes, initiatorTaskTag, n)
  put32(b, o + bhsAt.targetTransferTag, targetTransferTag)
}

/** Logout Response; times in seconds. */
export const writeLogoutResponse = (
  b: Buffer,
  o: number,
  initiatorTaskTag: number,
  result: number,
  n: Numbers,
  time2Wait: number,
  time2Retain: number
): void => {
  begin(b, o, TargetOpcode.LogoutResponse, 0x80, 0, initiatorTaskTag, n)
  b[o + 2] = result
  b.writeUInt16BE(time2Wait, o + 40)
  b.writeUInt16BE(time2Retain, o + 42)
}

/** Task Management Function Response. */
export const writeTaskManagementResponse = (
  b: Buffer,
  o: number,
  initiatorTaskTag: number,
  result: number,
  n: Numbers
): void => {
  begin(b, o, TargetOpcode.TaskManagementResponse, 0x80, 0, initiatorTaskTag, n)
  b[o + 2] = result
}

/** Reject; its data segment is the header of the PDU that is refused. */
export const writeReject = (b: Buffer, o: number, reason: number, n: Numbers, dataBytes: number): void => {
  begin(b, o, TargetOpcode.Reject, 0x80, dataBytes, reservedTag, n)
  b[o + 2] = reason
}

/** Asynchronous Message; what the second and the third parameter mean depends on the event, both are in seconds. */
export const writeAsyncMessage = (
  b: Buffer,
  o: number,
  event: number,
  parameter2: number,
  parameter3: number,
  n: Numbers
): void => {
  begin(b, o, TargetOpcode.AsyncMessage, 0x80, 0, reservedTag, n)
  b[o + 36] = event
  b.writeUInt16BE(parameter2, o + 40)
  b.writeUInt16BE(parameter3, o + 42)
}
