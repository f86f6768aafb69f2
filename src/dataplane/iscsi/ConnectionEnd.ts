/** How connections end, as the node's listener is told. */
import { IoKind } from "../bdev/statistics/IoCounts.ts"
import type { CommandPath } from "./CommandPath.ts"

/**
 * Why, in one word. `connectionLost`: the peer or the network, without a logout. `logoutTimeout`: it was asked to log
 * out and did not.
 */
export type Ending =
  | "logout"
  | "connectionLost"
  | "kicked"
  | "targetDeleted"
  | "reinstated"
  | "pingTimeout"
  | "idle"
  | "protocolError"
  | "internalError"
  | "loginRefused"
  | "loginTimeout"
  | "serverEnd"

/** Why an initiator was asked to log out. */
export interface LogoutCause {
  readonly ending: Ending
  /** Seq of the record that led to it, if there is one. */
  readonly correlationId?: number
}

/** What a connection, or all of a session, has done. */
export interface Totals {
  /** Commands without an answer. */
  readonly inFlight: number
  /** SCSI commands. */
  readonly commands: number
  /** Of the medium, in bytes. */
  readonly readBytes: number
  readonly writtenBytes: number
  readonly failedIos: number
  /** Of TCP, in bytes. */
  readonly receivedBytes: number
  readonly sentBytes: number
}

/** Of one connection: what its commands were, if it has had any, and what went over it. */
export const totalsOf = (commands: CommandPath | undefined, receivedBytes: number, sentBytes: number): Totals => ({
  inFlight: commands?.tasks.size ?? 0,
  commands: commands?.commandCount ?? 0,
  readBytes: commands?.counts.ofKind(IoKind.read).bytes ?? 0,
  writtenBytes: commands?.counts.ofKind(IoKind.write).bytes ?? 0,
  failedIos: commands?.counts.errors ?? 0,
  receivedBytes,
  sentBytes
})

/** Both together. */
export const addTotals = (a: Totals, b: Totals): Totals => ({
  inFlight: a.inFlight + b.inFlight,
  commands: a.commands + b.commands,
  readBytes: a.readBytes + b.readBytes,
  writtenBytes: a.writtenBytes + b.writtenBytes,
  failedIos: a.failedIos + b.failedIos,
  receivedBytes: a.receivedBytes + b.receivedBytes,
  sentBytes: a.sentBytes + b.sentBytes
})

/** Of nothing. */
export const noTotals: Totals = {
  inFlight: 0,
  commands: 0,
  readBytes: 0,
  writtenBytes: 0,
  failedIos: 0,
  receivedBytes: 0,
  sentBytes: 0
}

/** The end of a connection, or of its session with it. */
export interface ConnectionEnd {
  readonly ending: Ending
  readonly reason: string
  /** It had been asked to log out. */
  readonly asked: LogoutCause | undefined
  /** Of all connections that its session has had. */
  readonly totals: Totals
  /** Since the login, or since the connection where there was none; in milliseconds. */
  readonly durationMillis: number
}
