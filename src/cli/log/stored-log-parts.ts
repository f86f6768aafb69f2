/** What asking a directory takes: loaded only then, as a running target has it already. */
import type { LogArchive } from "../../../eventlog/LogArchive.ts"
import type { Secrets } from "../../domain/Secrets.ts"
import type { IncidentStore } from "../../rpc/incident/IncidentStore.ts"
import { archiveMethods } from "../../rpc/methods/eventlog/archive-methods.ts"
import { incidentMethods } from "../../rpc/methods/incidents.ts"
import type { RpcMethod } from "../../rpc/RpcMethod.ts"

export { LogArchive } from "../../../eventlog/LogArchive.ts"
export { openForReading } from "../../../eventlog/open-for-reading.ts"
export { Secrets } from "../../domain/Secrets.ts"
export { recordTagging } from "../../history/record-tags.ts"
export { callHere } from "../../rpc/call-here.ts"
export { IncidentStore, incidentDirectoryOf } from "../../rpc/incident/IncidentStore.ts"
export { keptSecrets, noSecrets } from "../serve/secret-key.ts"

/** What a state directory that nobody serves can be asked. */
export const storedMethods: ReadonlyArray<RpcMethod<LogArchive | Secrets | IncidentStore>> = [
  ...archiveMethods,
  ...incidentMethods
]
