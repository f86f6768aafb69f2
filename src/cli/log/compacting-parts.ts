/** What compacting a directory takes: loaded only then, as a running target has it already. */

export { EventLog } from "../../../eventlog/EventLog.ts"
export { LevelEventLog } from "../../../eventlog/LevelEventLog.ts"
export { callHere } from "../../rpc/call-here.ts"
export { compactMethods } from "../../rpc/methods/eventlog/compact.ts"
