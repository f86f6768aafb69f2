/** How much room a server has for what it keeps of incidents: `--incident-space`. */
import { Option } from "effect"
import { Flag } from "effect/cli"
import { parseSize, sizeHint } from "../../config/size.ts"
import type { IncidentBounds } from "../../rpc/incident/incident-folders.ts"

/** Folders; the oldest goes for the next. */
const incidentsMax = 32
const bytesDefault = 256 * 1024 * 1024

/** What is kept with so much room, in bytes. */
export const incidentBounds = (bytes = bytesDefault): IncidentBounds => ({ count: incidentsMax, bytes })

/** `--incident-space SIZE`. */
export const incidentSpaceFlag = Flag.String("incident-space").pipe(
  Flag.withMetavar("SIZE"),
  Flag.withDescription(
    `Room in the state directory for what is kept of the last ${incidentsMax} incidents (default 256M; 0: nothing is)`
  ),
  Flag.filterMap(
    (text) => Option.fromUndefinedOr(parseSize(text)),
    (text) => `"${text}" is no size; ${sizeHint}`
  ),
  Flag.withDefault(bytesDefault)
)
