/**
 * The file of an exported event log: NDJSON. The first line says what it is and what stands in front of the first
 * record, then comes a record per line (`record-json.ts`), and the last line says that nothing is missing.
 */
import { Result, Schema } from "effect"
import type { LogRecord } from "../../../eventlog/record.ts"
import { recordBytesMax } from "../../../eventlog/record-codec.ts"
import { recordToJson } from "../../../eventlog/record-json.ts"
import type { Genesis } from "../../../eventlog/retain/genesis.ts"
import type { OpenedSecret } from "./opened-secrets.ts"

/** What files call themselves. */
export const LOG_FILE_FORMAT = "lunlog-log"
/** Raised when a reader of the version before could not read what is written. */
export const LOG_FILE_VERSION = 1
/** Bytes of a line: the state of the largest target in the first one, else a record of nothing but escapes. */
export const LINE_BYTES_MAX = 32 * recordBytesMax

/** Characters of what is wrong with a line: it may repeat what is there. */
const messageMax = 500

const Count = Schema.Natural
const Hash = Schema.String.check(Schema.isMaxLength(64))

const FileGenesis = Schema.Struct({
  controlSeq: Count,
  controlNo: Count,
  controlHash: Hash,
  at: Count,
  foldVersion: Count,
  origin: Schema.Literals(["compacted", "forked"]),
  madeAt: Count,
  /** Base64. */
  state: Schema.String
})

const FileExpired = Schema.Struct({ through: Count, count: Count, hash: Hash, firstAt: Count, lastAt: Count })
const FileLoss = Schema.Struct({ afterHash: Hash, nextHash: Hash })

/** The first line. */
export const LogFileHeader = Schema.Struct({
  format: Schema.Literal(LOG_FILE_FORMAT),
  version: Schema.Number,
  /** Version of the program that ran at its end. */
  lunlog: Schema.optionalKey(Schema.String),
  /** Of the state directory that it is from. */
  instance: Schema.optionalKey(Schema.String),
  /** Microseconds since 1970. */
  exported_at: Count,
  /** Seqs of the range that was asked for. */
  from: Count,
  to: Count,
  /** What the records go on from; absent: they begin with control record 1. */
  genesis: Schema.optionalKey(FileGenesis),
  expired: Schema.optionalKey(FileExpired),
  losses: Schema.Array(FileLoss),
  /** Secrets of the genesis in clear, if they were asked for. */
  secrets: Schema.optionalKey(Schema.Array(Schema.Unknown))
})
export type LogFileHeader = typeof LogFileHeader.Type

/** The last line. */
export const LogFileEnd = Schema.Struct({
  end: Schema.Struct({ records: Count, control_hash: Hash })
})
export type LogFileEnd = typeof LogFileEnd.Type

/** A genesis as the first line has it. */
export const genesisToFile = ({ archives: _, state, ...rest }: Genesis): NonNullable<LogFileHeader["genesis"]> => ({
  ...rest,
  state: Buffer.from(state).toString("base64")
})

/** And back; the files with the records in front stay where they are. */
export const genesisOfFile = ({ state, ...rest }: NonNullable<LogFileHeader["genesis"]>): Genesis => ({
  ...rest,
  state: Buffer.from(state, "base64"),
  archives: []
})

/** The line of a record: `stored` if it cannot be made again, `secrets` if they were asked for. */
export const recordText = (
  record: LogRecord,
  stored: Uint8Array | undefined,
  secrets: ReadonlyArray<OpenedSecret>
): string => {
  const json = recordToJson(record, stored)
  return JSON.stringify(secrets.length === 0 ? json : { ...json, secrets })
}

const decodeHeader = Schema.decodeUnknownResult(LogFileHeader)
const decodeEnd = Schema.decodeUnknownResult(LogFileEnd)

/** The header in a line's JSON, or what is wrong with it. */
export const parseHeader = (json: unknown): LogFileHeader | string => {
  const isOurs = typeof json === "object" && json !== null && "format" in json && json.format === LOG_FILE_FORMAT
  if (!isOurs) return `the file is no exported log: its first line does not say "format":"${LOG_FILE_FORMAT}"`
  if (!("version" in json) || json.version !== LOG_FILE_VERSION) {
    const version = "version" in json && typeof json.version === "number" ? json.version : "none"
    return `the file has version ${version}, this lunlog reads ${LOG_FILE_VERSION}; use the one that wrote it`
  }
  const header = decodeHeader(json)
  if (Result.isSuccess(header)) return header.success
  const why = header.failure.message.slice(0, messageMax).replace(/\s*\n\s*/gu, " ")
  return `the first line is not what it should be: ${why}`
}

/** Whether a line's JSON is the last line. */
export const parseEnd = (json: unknown): LogFileEnd["end"] | undefined => {
  const end = decodeEnd(json)
  return Result.isSuccess(end) ? end.success.end : undefined
}
