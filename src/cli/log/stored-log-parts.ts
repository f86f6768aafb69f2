/** What asking a directory takes: loaded only then, as a running target has it already. */

export { LogArchive } from "../../../eventlog/LogArchive.ts"
export { openForReading } from "../../../eventlog/open-for-reading.ts"
export { Secrets } from "../../domain/Secrets.ts"
export { recordTagging } from "../../history/record-tags.ts"
export { callHere } from "../../rpc/call-here.ts"
export { archiveMethods } from "../../rpc/methods/eventlog/archive-methods.ts"
export { keptSecrets } from "../serve/secret-key.ts"
