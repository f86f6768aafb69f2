/** The report on an incident, for somebody who has seen neither the target nor lunlog before. */
import { counted, memberOf } from "../../history/describe/words.ts"
import { type InFlight, incidentFiles } from "../../history/incident/KeptIncident.ts"
import { timelineLines } from "../../history/timeline/timeline-text.ts"
import { treeLines } from "../log/causal-tree.ts"
import { objectLines } from "../log/object-changes.ts"
import { type LineStyle, lineTime, recordLine } from "../log/record-line.ts"
import { printable } from "../printable.ts"
import { byteText } from "../table.ts"
import type { IncidentReport } from "./incident-report.ts"
import type { ListedIncident } from "./kept-incidents.ts"

/** Columns of the picture. */
const width = 100

/** How it is printed. */
export interface ReportStyle {
  /** The bundle, for commands. */
  readonly file: string
  readonly line: LineStyle
  /** What was checked, as sentences. */
  readonly checked: ReadonlyArray<string>
}

const section = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length === 0 ? [] : ["", title, ...lines]

const processText = ({ process }: IncidentReport["manifest"]): ReadonlyArray<string> => {
  const text = (name: string): string => {
    const value = memberOf(process, name)
    return typeof value === "string" || typeof value === "number" ? String(value) : "?"
  }
  const memory = Number(memberOf(process, "memoryBytes"))
  if (process === undefined) return []
  const host = `${text("platform")}, ${text("cpus")} cores, ${byteText(memory)} of memory`
  return [`process ${text("pid")} of lunlog ${text("version")} on Node ${text("node")}; ${text("host")}: ${host}`]
}

const headLines = ({ manifest, shown }: IncidentReport): ReadonlyArray<string> => {
  const { incident, instance, records } = manifest
  const from = instance === undefined ? "" : `target with the id ${instance}; `
  return [
    `Incident ${incident.seq}, ${lineTime(incident.at)}: ${incident.type}`,
    `  ${shown.record.text ?? incident.text}`,
    "",
    ...processText(manifest),
    `${from}${records.count} records, ${records.from} to ${records.to}; times are UTC`,
    `bundle made ${lineTime(manifest.made_at)} by lunlog ${manifest.lunlog}`
  ]
}

const problemLines = ({ areAllProblems, manifest, problems }: IncidentReport, style: ReportStyle) => [
  ...problems.map((record) => {
    const mark = record.seq === manifest.incident.seq ? ">" : " "
    return `${mark}${recordLine(record, style.line)}`
  }),
  ...(areAllProblems ? [] : [`  … more: lunlog log tail --errors --state ${style.file}`])
]

const causeLines = ({ shown }: IncidentReport, { line }: ReportStyle): ReadonlyArray<string> => [
  ...section("What led to it", treeLines(shown.causes, undefined, line)),
  ...section("What came of it", treeLines(shown.consequences, shown.left_out, line))
]

/** What was going on. */
export const inFlightLines = (inFlight: InFlight): ReadonlyArray<string> => {
  const { drains, luns, memory_limit, memory_used, session_count, sessions, warnings } = inFlight
  return [
    `  at ${lineTime(inFlight.at)}, with ${byteText(memory_used)} of ${byteText(memory_limit)} of memory in use:`,
    ...sessions.map(
      ({ in_flight, initiator, initiator_addr, target, unsent_bytes }) =>
        `  ${initiator} (${initiator_addr}) at ${target}: ${counted(in_flight, "command")} without an answer` +
        (unsent_bytes === 0 ? "" : `, ${byteText(unsent_bytes)} unsent`)
    ),
    ...(session_count > sessions.length ? [`  and ${counted(session_count - sessions.length, "session")} more`] : []),
    ...(session_count === 0 ? ["  no session"] : []),
    ...luns.map(
      ({ bdev, in_flight, lun, target }) => `  LUN ${lun} of ${target} (bdev ${bdev}): ${in_flight} at its disk`
    ),
    ...drains.map(
      ({ commands_left, lun, target }) => `  LUN ${lun} of ${target} drains: ${counted(commands_left, "command")} left`
    ),
    ...warnings.map((warning) => `  ${warning}`)
  ]
}

/** What is recorded of the connections. */
export const captureLines = (kept: ListedIncident): ReadonlyArray<string> => {
  const { capture } = kept
  if (capture === undefined) return []
  const counts = Object.entries(capture.by_opcode).map(([name, count]) => `${name} ${count}`)
  return [
    `  incidents/${kept.seq}/${incidentFiles.capture}: ` +
      `${counted(capture.pdus, "PDU")} of ${counted(capture.connections, "connection")}` +
      (counts.length === 0 ? "" : `: ${counts.join(", ")}`),
    ...capture.last.map((text) => `    ${text}`)
  ]
}

const keptLines = ({ kept }: IncidentReport): ReadonlyArray<string> =>
  kept.flatMap((one) => [
    ...section(
      `What was in flight when ${one.seq} was kept`,
      one.in_flight === undefined ? [] : inFlightLines(one.in_flight)
    ),
    ...section("What was on the wire", captureLines(one)),
    ...section(
      "What could not be kept",
      one.missing.map((text) => `  ${text}`)
    )
  ])

const orderLines = ({ earlier, later, manifest }: IncidentReport, { line }: ReportStyle): ReadonlyArray<string> =>
  [...earlier, ...later].map(
    (record) => `${record.seq === manifest.incident.seq ? ">" : " "}${recordLine(record, line)}`
  )

const changeLines = ({ areAllChanges, changes }: IncidentReport, { line }: ReportStyle): ReadonlyArray<string> => [
  ...(changes.length === 0
    ? ["  nothing"]
    : changes.flatMap((one) => objectLines(one, line).map((text) => `  ${text}`))),
  ...(areAllChanges ? [] : ["  … and more"])
]

const tsharkLine = (folder: string, { capture, seq }: ListedIncident): string => {
  const ports = (capture?.ports ?? []).map((port) => ` -d tcp.port==${port},iscsi`)
  return `  tshark -r ${folder}/incidents/${seq}/${incidentFiles.capture}${ports.join("")} -Y iscsi`
}

const goOnLines = ({ kept, manifest }: IncidentReport, { file }: ReportStyle): ReadonlyArray<string> => {
  const { before, incident, records } = manifest
  const past = Math.max(before.seq, incident.seq - 1)
  const folder = `lunlog-incident-${incident.seq}`
  const [captured] = kept.filter(({ capture }) => capture !== undefined)
  return [
    `  lunlog log tail -n 1000 --state ${file}`,
    `  lunlog log show ${incident.seq} --state ${file}`,
    `  lunlog log diff ${before.seq} ${records.to} --state ${file}`,
    `  lunlog fork --at ${past} --state ${file}   # the target as it was before it, on other ports`,
    `  tar -xzf ${file}   # into ${folder}`,
    ...(captured === undefined ? [] : [tsharkLine(folder, captured)])
  ]
}

/** Lines without their ends; nothing in them acts on a terminal but the colours that are asked for. */
export const reportLines = (report: IncidentReport, style: ReportStyle): ReadonlyArray<string> => {
  const picture = timelineLines(report.timeline, { width, ascii: false, paint: (_, text) => text, listMax: 0 })
  const { from, to } = report.manifest.records
  return [
    ...headLines(report).map(printable),
    ...section(
      "Checked",
      style.checked.map((text) => printable(`  ${text}`))
    ),
    ...section("What went wrong", problemLines(report, style)),
    ...causeLines(report, style),
    ...keptLines(report).map(printable),
    ...section("Who and what was there", picture.map(printable)),
    ...section("In which order (around it)", orderLines(report, style)),
    ...section(`What has changed from ${from} to ${to}`, changeLines(report, style)),
    ...section(
      "What the bundle has not",
      report.manifest.missing.map((text) => printable(`  ${text}`))
    ),
    ...section("How to go on", goOnLines(report, style).map(printable))
  ]
}
