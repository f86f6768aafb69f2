/**
 * `eventlog_*`: what the event log can be asked. These methods need nothing but a log to read (and the key of secrets,
 * where they are asked for), so that `lunlog log` asks a directory with the very same code.
 */
import type { LogArchive } from "../../../../eventlog/LogArchive.ts"
import type { Secrets } from "../../../domain/Secrets.ts"
import type { RpcMethod } from "../../RpcMethod.ts"
import { diffMethods } from "./diff.ts"
import { exportMethods } from "./export.ts"
import { forkPointMethods } from "./fork-point.ts"
import { readMethods } from "./read.ts"
import { showMethods } from "./show.ts"
import { stateMethods } from "./state.ts"
import { timelineMethods } from "./timeline.ts"
import { verifyMethods } from "./verify.ts"
import { whyMethods } from "./why.ts"

/** In the order in which `rpc_get_methods` lists them. */
export const archiveMethods: ReadonlyArray<RpcMethod<LogArchive | Secrets>> = [
  ...readMethods,
  ...showMethods,
  ...stateMethods,
  ...diffMethods,
  ...whyMethods,
  ...timelineMethods,
  ...verifyMethods,
  ...exportMethods,
  ...forkPointMethods
]
