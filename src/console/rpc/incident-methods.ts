/** What the target has kept of what went wrong: what `lunlog incident` works on (docs/rpc.md). */
import { method } from "./RpcClient.ts"
import { list, number, object, type Read, text, words } from "./reader-codec.ts"

const record = object({ seq: number, at: number, type: text, text: words })

const incident = object({
  seq: number,
  at: number,
  type: text,
  text: words,
  kept_at: number,
  /** Records of the same incident: the first ones, and how many there are. */
  joined: list(record),
  joined_count: number,
  missing: list(words),
  files: list(object({ name: text, bytes: number }))
})
/** An incident with the names of its files. */
export type Incident = Read<typeof incident>

/** `lunlog_get_incidents`, oldest first. */
export const getIncidents = method("lunlog_get_incidents", object({ incidents: list(incident) }))

/** `lunlog_get_incident_file`: a part of a file in base64. */
export const getIncidentFile = method(
  "lunlog_get_incident_file",
  object({ bytes: number, offset: number, chunk: text })
)
