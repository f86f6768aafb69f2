/** What a target has kept of incidents, asked of a running one, of a state directory, or of a bundle. */
import { Effect, Schema } from "effect"
import { KeptIncident } from "../../history/incident/KeptIncident.ts"
import type { CliFailure } from "../CliFailure.ts"
import { unexpectedAnswer } from "../CliFailure.ts"
import { ask, type LogSource } from "../log/log-source.ts"

/** An incident as `lunlog_get_incidents` has it. */
export const ListedIncident = Schema.Struct({
  ...KeptIncident.fields,
  files: Schema.Array(Schema.Struct({ name: Schema.String, bytes: Schema.Natural }))
})
export type ListedIncident = typeof ListedIncident.Type

const Incidents = Schema.Struct({ incidents: Schema.Array(ListedIncident) })
const Part = Schema.Struct({ bytes: Schema.Natural, chunk: Schema.String })

/** All of them, oldest first. */
export const keptIncidents = (source: LogSource): Effect.Effect<ReadonlyArray<ListedIncident>, CliFailure> =>
  Effect.map(ask(source, Incidents, "lunlog_get_incidents"), ({ incidents }) => incidents)

/** The incident that has a record: its own, or one that has joined it. */
export const incidentWith = (all: ReadonlyArray<ListedIncident>, seq: number): ListedIncident | undefined =>
  all.find((one) => one.seq === seq || one.joined.some((joined) => joined.seq === seq))

/** A file of an incident. */
export const incidentFile = (source: LogSource, seq: number, file: string): Effect.Effect<Buffer, CliFailure> =>
  Effect.gen(function* () {
    const parts: Array<Buffer> = []
    let length = 0
    for (;;) {
      const page = yield* ask(source, Part, "lunlog_get_incident_file", { seq, file, offset: length })
      const part = Buffer.from(page.chunk, "base64")
      parts.push(part)
      length += part.length
      if (length >= page.bytes) return Buffer.concat(parts)
      if (part.length === 0) return yield* unexpectedAnswer({ message: `${file} ends before its end` })
    }
  })
