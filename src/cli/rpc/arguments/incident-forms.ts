/** Command lines of the methods on what a target has kept of incidents. */
import { argument, type MethodForm, method, option } from "./MethodForm.ts"
import { integer, text } from "./value-kinds.ts"

/** This file's forms. */
export const incidentForms: ReadonlyArray<MethodForm> = [
  method("lunlog_get_incidents", "Lists the incidents that are kept.", [], { answer: "json" }),
  method(
    "lunlog_get_incident_file",
    "Shows a part of a file that is kept of an incident, in base64.",
    [
      argument("seq", integer("SEQ"), "the record of the incident"),
      argument("file", text("FILE"), "incident.json, capture.pcapng or metrics.json"),
      option(["", "offset"], integer("BYTES"), "from here on (0)")
    ],
    { answer: "json", example: "4711 incident.json" }
  )
]
