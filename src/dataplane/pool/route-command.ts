/** Whom a command of the control side is about, among the reactors of a pool. */

import type { ReactorCommand, ReactorCommandOf } from "../reactor/protocol.ts"
import type { BdevCommand } from "../reactor/ReactorBdevs.ts"
import type { StatisticsQuery } from "../reactor/statistics-protocol.ts"
import { type CommonSetting, targetKey } from "./Book.ts"
import type { Node } from "./Placement.ts"

/** About targets and bdevs: it goes to their home, and waits while they move. */
export type DeviceCommand =
  | BdevCommand
  | ReactorCommandOf<
      | "PutTarget"
      | "DeleteTarget"
      | "CloseSessions"
      | "RequestLogout"
      | "MapLun"
      | "DrainLun"
      | "UnmapLun"
      | "PutReservations"
      | "SetHistogram"
    >

/** What is left: for the front, for all, or for the pool itself. */
export type PoolCommand = Exclude<ReactorCommand, DeviceCommand | CommonSetting>

const commonTags: ReadonlySet<string> = new Set<CommonSetting["_tag"]>([
  "SetOptions",
  "WatchSlowIo",
  "PutPortalGroup",
  "DeletePortalGroup",
  "PutInitiatorGroup",
  "DeleteInitiatorGroup",
  "PutAuthGroup",
  "DeleteAuthGroup"
])

const poolTags: ReadonlySet<string> = new Set<PoolCommand["_tag"]>([
  "OpenPortal",
  "AcceptPortal",
  "ClosePortal",
  "KickConnections",
  "TakeConnection",
  "ForgetConnection",
  "CutConnections",
  "AnswerReservations",
  "Statistics",
  "Capture",
  "Query",
  "Shutdown"
])

/** Every reactor has it. */
export const isCommon = (command: ReactorCommand): command is CommonSetting => commonTags.has(command._tag)

/** See `PoolCommand`. */
export const isForPool = (command: DeviceCommand | PoolCommand): command is PoolCommand => poolTags.has(command._tag)

/** The bdevs and targets that a command is about: of these, all commands are carried out in order. */
export const nodesOf = (command: DeviceCommand): ReadonlyArray<Node> => {
  switch (command._tag) {
    case "PutTarget":
      return [targetKey(command.target.name)]
    case "DeleteTarget":
    case "CloseSessions":
    case "RequestLogout":
      return [targetKey(command.name)]
    case "DrainLun":
    case "UnmapLun":
      return [targetKey(command.target)]
    case "MapLun":
      return [targetKey(command.target), command.bdev]
    case "OpenBdev":
      return command.base === undefined ? [command.bdev] : [command.bdev, command.base]
    default:
      return [command.bdev]
  }
}

/** Of which one thing a reactor is asked; undefined if of all that there are. */
export const nodeOfQuery = (query: StatisticsQuery): Node | undefined => {
  switch (query._tag) {
    case "Bdevs":
    case "Live":
    case "Load":
    case "Metrics":
      return undefined
    case "TargetHistogram":
      return targetKey(query.target)
    default:
      return query.bdev
  }
}
