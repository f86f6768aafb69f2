/**
 * How a call fails on the wire: SPDK's code and message, so that scripts which match on them go on working, and a
 * `data` member that says what SPDK does not: the reason, the object, what was allowed, what to do.
 */
import { Schema } from "effect"
import type { DomainError, DomainErrorKind } from "../domain/DomainError.ts"

/** What is wrong at one place of an uploaded configuration: keys and indexes from its top. */
const Problem = Schema.Struct({
  path: Schema.Array(Schema.Union([Schema.String, Schema.Number])),
  message: Schema.String
})
/** One of them. */
export type RpcProblem = typeof Problem.Type

/** What a person needs to know about a failure; `reason` is always there. */
export const RpcErrorData = Schema.Struct({
  reason: Schema.String,
  object: Schema.optionalKey(Schema.String),
  allowed: Schema.optionalKey(Schema.String),
  hint: Schema.optionalKey(Schema.String),
  heldBy: Schema.optionalKey(Schema.Array(Schema.String)),
  problems: Schema.optionalKey(Schema.Array(Problem))
})
export type RpcErrorData = typeof RpcErrorData.Type

/** A failed call. `code` is a JSON-RPC code (-32700..-32600), a negated Linux errno, or -1. */
export class RpcError extends Schema.TaggedError<RpcError>()("RpcError", {
  code: Schema.Int,
  message: Schema.String,
  data: RpcErrorData
}) {}

/** Code and message as SPDK has them. */
export interface WireError {
  readonly code: number
  readonly message: string
}

/** Puts the two halves together. */
export const rpcError = (wire: WireError, data: RpcErrorData): RpcError => new RpcError({ ...wire, data })

/** The bytes are no JSON; the connection ends. */
export const parseError: WireError = { code: -32700, message: "Parse error" }
/** JSON, but no request. */
export const invalidRequest: WireError = { code: -32600, message: "Invalid request" }
/** No such method, or not in `--rpcs-allowed`. */
export const methodNotFound: WireError = { code: -32601, message: "Method not found" }
/** Most `iscsi_*` failures and failed decoding of `iscsi_*`, `framework_*`. */
export const invalidParameters: WireError = { code: -32602, message: "Invalid parameters" }
/** Failed decoding of most `bdev_*` parameters. */
export const decodeFailed: WireError = { code: -32603, message: "spdk_json_decode_object failed" }
/** Failed decoding of `bdev_error_*` parameters, which SPDK gives another code. */
export const decodeFailedInvalid: WireError = { code: -32602, message: "spdk_json_decode_object failed" }
/** A mistake of ours, or an answer that is too long. */
export const internalError: WireError = { code: -32603, message: "Internal error" }
/** Called in state STARTUP. */
export const runtimeOnly: WireError = {
  code: -1,
  message: "Method may only be called after framework is initialized using framework_start_init RPC."
}
/** Called in state RUNTIME. */
export const startupOnly: WireError = {
  code: -1,
  message:
    "Method may only be called before framework is initialized. Use --wait-for-rpc command line parameter and then " +
    "issue this RPC before the framework_start_init RPC."
}

/** Linux errno values with the text of strerror(3), negated as SPDK sends them. */
const errnos = {
  EPERM: [1, "Operation not permitted"],
  ENOENT: [2, "No such file or directory"],
  EIO: [5, "Input/output error"],
  EAGAIN: [11, "Resource temporarily unavailable"],
  ENOMEM: [12, "Cannot allocate memory"],
  EACCES: [13, "Permission denied"],
  EBUSY: [16, "Device or resource busy"],
  EEXIST: [17, "File exists"],
  ENODEV: [19, "No such device"],
  ENOTDIR: [20, "Not a directory"],
  EISDIR: [21, "Is a directory"],
  EINVAL: [22, "Invalid argument"],
  EMFILE: [24, "Too many open files"],
  ENOSPC: [28, "No space left on device"],
  EROFS: [30, "Read-only file system"],
  ENAMETOOLONG: [36, "File name too long"],
  ELOOP: [40, "Too many levels of symbolic links"],
  EOPNOTSUPP: [95, "Operation not supported"],
  EADDRINUSE: [98, "Address already in use"],
  EADDRNOTAVAIL: [99, "Cannot assign requested address"],
  ETIMEDOUT: [110, "Connection timed out"]
} as const
/** The names that can be sent. */
export type Errno = keyof typeof errnos

/** Code and text of one of them. */
export const errnoError = (name: Errno): WireError => ({ code: -errnos[name][0], message: errnos[name][1] })

const isErrno = (name: string): name is Errno => Object.hasOwn(errnos, name)
/** For names that come from outside (`code` of a Node error); EIO for one that is not listed. */
export const errnoErrorOf = (name: string): WireError => errnoError(isErrno(name) ? name : "EIO")

const errnoOfKind: Readonly<Record<DomainErrorKind, Errno>> = {
  AlreadyExists: "EEXIST",
  NotFound: "ENODEV",
  Busy: "EBUSY",
  InvalidArgument: "EINVAL",
  LimitExceeded: "ENOSPC",
  WrongState: "EPERM",
  ReservationRefused: "EPERM"
}

/** Which wire error a method gives for a command that the domain refuses. */
export type Refusal = (error: DomainError) => WireError
/** As the bdev family does: a negated errno. */
export const refuseWithErrno: Refusal = (error) => errnoError(errnoOfKind[error._tag])
/** As the iscsi family does: one message for everything, except that a busy object says so (-16). */
export const refuseWithInvalidParameters: Refusal = (error) =>
  error._tag === "Busy" ? errnoError("EBUSY") : invalidParameters

/** `error` on the wire, with all that the domain says in `data`. */
export const refusal = (error: DomainError, wire: WireError): RpcError =>
  rpcError(wire, {
    reason: error.message,
    object: error.object,
    hint: error.hint,
    ...(error._tag === "LimitExceeded" ? { allowed: `at most ${error.limit}` } : {}),
    ...(error._tag === "Busy" ? { heldBy: error.heldBy } : {})
  })
