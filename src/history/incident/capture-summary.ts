/** What recorded PDUs come to in a report: how many of which, and the last ones in words. */
import type { ConnectionCapture } from "../../domain/capture/ConnectionCapture.ts"
import { hasContent } from "../../domain/capture/capture-content.ts"
import { type CaptureEntry, CaptureFlag, captureEntries } from "../../domain/capture/capture-entry.ts"
import type { CaptureSummary } from "./KeptIncident.ts"

/** Of all connections together. */
const lastMax = 24
const portsMax = 16

/** RFC 7143 section 11.2.1.2. */
const names: ReadonlyMap<number, string> = new Map([
  [0x00, "NOP-Out"],
  [0x01, "SCSI Command"],
  [0x02, "Task Management Request"],
  [0x03, "Login Request"],
  [0x04, "Text Request"],
  [0x05, "Data-Out"],
  [0x06, "Logout Request"],
  [0x10, "SNACK"],
  [0x20, "NOP-In"],
  [0x21, "SCSI Response"],
  [0x22, "Task Management Response"],
  [0x23, "Login Response"],
  [0x24, "Text Response"],
  [0x25, "Data-In"],
  [0x26, "Logout Response"],
  [0x31, "R2T"],
  [0x32, "Async Message"],
  [0x3f, "Reject"]
])

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")

const nameOf = (header: Uint8Array): string => {
  const opcode = (header[0] ?? 0) & 0x3f
  return names.get(opcode) ?? `opcode 0x${hex(opcode, 2)}`
}

/** Of the first level: peripheral device or flat space addressing (SAM-5 section 4.7). */
const lunOf = (header: Uint8Array): number => (((header[8] ?? 0) & 0x3f) << 8) | (header[9] ?? 0)

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")

/** What there is to say beyond the name, by the layouts of RFC 7143 section 11. */
const detailOf = (header: Uint8Array): string => {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  const task = `ITT 0x${hex(view.getUint32(16), 8)}`
  switch (view.getUint8(0) & 0x3f) {
    case 0x01:
      return `${task} LUN ${lunOf(header)} CDB ${hexOf(header.subarray(32, 48))}`
    case 0x02:
      return `${task} LUN ${lunOf(header)} function ${view.getUint8(1) & 0x7f}`
    case 0x21:
      return `${task} response 0x${hex(view.getUint8(2), 2)} status 0x${hex(view.getUint8(3), 2)}`
    case 0x22:
      return `${task} response ${view.getUint8(2)}`
    case 0x23:
      return `${task} status 0x${hex(view.getUint16(36), 4)}`
    case 0x32:
      return `event ${view.getUint8(36)}`
    case 0x3f:
      return `reason 0x${hex(view.getUint8(2), 2)}`
    default:
      return task
  }
}

const timeText = (micros: number): string => new Date(Math.floor(micros / 1000)).toISOString().slice(11)

interface Line {
  readonly at: number
  readonly text: string
}

const lineOf = ({ connection, openedAt, records }: ConnectionCapture, entry: CaptureEntry): Line => {
  const at = openedAt + entry.nanos / 1000
  const arrow = (entry.flags & CaptureFlag.sent) === 0 ? ">" : "<"
  const led = records.filter(({ ordinal }) => ordinal === entry.ordinal).map(({ seq }) => ` (record ${seq})`)
  const { header } = entry
  const isBad = (entry.flags & CaptureFlag.badHeader) !== 0
  const what = isBad ? "a header whose digest is wrong" : `${nameOf(header)} ${detailOf(header)}`
  return { at, text: `${timeText(at)} #${connection} ${arrow} ${what}${led.join("")}` }
}

/** Of what is written as `bytes` of pcapng; `last` is told of `near` if any of them has PDUs, else of all. */
export const captureSummary = (
  captures: ReadonlyArray<ConnectionCapture>,
  near: ReadonlySet<number>,
  bytes: number
): CaptureSummary => {
  const counts = new Map<string, number>()
  const lines: Array<Line> = []
  let pdus = 0
  const chosen = captures.some(({ connection, entries }) => near.has(connection) && entries.length > 0)
  for (const capture of captures) {
    const entries = captureEntries(capture.entries)
    pdus += entries.length
    for (const { header } of entries) counts.set(nameOf(header), (counts.get(nameOf(header)) ?? 0) + 1)
    if (chosen && !near.has(capture.connection)) continue
    lines.push(...entries.slice(-lastMax).map((entry) => lineOf(capture, entry)))
  }
  const last = lines.toSorted((a, b) => a.at - b.at).slice(-lastMax)
  return {
    connections: captures.length,
    pdus,
    bytes,
    ports: [...new Set(captures.map(({ targetPort }) => targetPort))].slice(0, portsMax),
    by_opcode: Object.fromEntries([...counts].toSorted(([, a], [, b]) => b - a)),
    last: last.map(({ text }) => text),
    content: captures.some(({ entries }) => hasContent(entries))
  }
}
