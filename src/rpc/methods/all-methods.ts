/** Every method that this build serves; a method is here only if it does what it says. */
import type { EventLog } from "../../../eventlog/EventLog.ts"
import type { ControlPlane } from "../../domain/ControlPlane.ts"
import type { DataPlane } from "../../domain/DataPlane.ts"
import type { Instance } from "../Instance.ts"
import type { RpcMethod } from "../RpcMethod.ts"
import { bdevMethods } from "./bdev.ts"
import { bdevErrorMethods } from "./bdev-error.ts"
import { eventlogMethods } from "./eventlog.ts"
import { frameworkMethods } from "./framework.ts"
import { initiatorGroupMethods } from "./initiator-groups.ts"
import { iscsiMethods } from "./iscsi.ts"
import { lunlogMethods } from "./lunlog.ts"
import { portalGroupMethods } from "./portal-groups.ts"
import { targetNodeMethods } from "./target-nodes.ts"

/** What methods need of the process. */
export type RpcServices = ControlPlane | DataPlane | EventLog | Instance

/** In the order in which `rpc_get_methods` lists them. */
export const allMethods: ReadonlyArray<RpcMethod<RpcServices>> = [
  ...frameworkMethods,
  ...bdevMethods,
  ...bdevErrorMethods,
  ...portalGroupMethods,
  ...initiatorGroupMethods,
  ...targetNodeMethods,
  ...iscsiMethods,
  ...lunlogMethods,
  ...eventlogMethods
]
