/**
 * Content of disks in recorded PDUs (`--record-data`): it is for who owns the target, and not for who may only see what
 * the target does.
 */
import {
  type CaptureEntry,
  CaptureFlag,
  captureEntries,
  captureEntryBytes,
  writeCaptureEntry
} from "./capture-entry.ts"

const opcodeMask = 0x3f

/** Login and text, each way: what is secret in them is replaced already. */
const plainOpcodes: ReadonlySet<number> = new Set([0x03, 0x04, 0x23, 0x24])

const mayHaveContent = ({ data, flags, header }: CaptureEntry): boolean => {
  const isPlain = plainOpcodes.has((header[0] ?? 0) & opcodeMask) && (flags & CaptureFlag.badHeader) === 0
  return data.length > 0 && !isPlain
}

/** Whether any of the PDUs may have something of a disk with it. */
export const hasContent = (entries: Uint8Array): boolean => captureEntries(entries).some(mayHaveContent)

const noData = new Uint8Array(0)

/** The same PDUs without it. */
export const withoutContent = (entries: Uint8Array): Uint8Array => {
  if (!hasContent(entries)) return entries
  const kept = captureEntries(entries).map((entry) => (mayHaveContent(entry) ? { ...entry, data: noData } : entry))
  const bytes = new Uint8Array(kept.reduce((sum, { data }) => sum + captureEntryBytes(data.length), 0))
  let at = 0
  for (const entry of kept) {
    writeCaptureEntry(bytes, at, entry)
    at += captureEntryBytes(entry.data.length)
  }
  return bytes
}
