/**
 * How a record is stored: `digest (32 bytes) | format (1 byte) | MessagePack map`.
 *
 * The digest is the SHA-256 of everything behind it, so each record can be checked by itself, and an unchecked read
 * need not hash at all. The map is plain MessagePack (no extension for shared structures: those live outside the batch
 * and can be lost in a crash), readable by any other tool. The record's hash is its digest in hexadecimal.
 *
 * Formats, newest first:
 * - 1: keys of `ControlRecord` or `ObservationRecord` as they are named there, without `hash`.
 */
import { hash } from "node:crypto"
import { Packr } from "msgpackr"
import type { Cause, ControlRecord, LogRecord, ObservationRecord } from "./record.ts"

/** The format that is written. */
export const recordFormat = 1
const digestBytes = 32
const headBytes = digestBytes + 1

/** Stored bytes of one record. Beyond it, what is recorded belongs into a file that the record names. */
export const recordBytesMax = 1024 * 1024

const packr = new Packr({ useRecords: false })

/** Plain MessagePack in the log's dialect, for snapshots' and losses' small maps too. */
export const pack = (value: unknown): Uint8Array => packr.pack(value)
/** The inverse of `pack`; throws on what is no MessagePack, so unseal first. */
export const unpack = (bytes: Uint8Array): unknown => packr.unpack(bytes)

/** A record's stored bytes and the hash over them. */
export interface Encoded {
  readonly hash: string
  readonly value: Uint8Array
}

/** `digest | format | body`, for whatever the log stores. */
export const seal = (format: number, body: Uint8Array): Encoded => {
  const value = Buffer.allocUnsafe(headBytes + body.length)
  value[digestBytes] = format
  value.set(body, headBytes)
  const digest = hash("sha256", value.subarray(digestBytes), "buffer")
  value.set(digest, 0)
  return { hash: digest.toString("hex"), value }
}

/** The body under a seal of this format, or why not. `check: false` trusts the digest. */
export const unseal = (format: number, value: Uint8Array, check: boolean): Uint8Array | string => {
  if (value.length < headBytes) return `has ${value.length} bytes, at least ${headBytes} were expected`
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
  if (check && !hash("sha256", bytes.subarray(digestBytes), "buffer").equals(bytes.subarray(0, digestBytes))) {
    return "does not match its SHA-256 digest"
  }
  if (bytes[digestBytes] !== format) return `has format ${bytes[digestBytes]}, this version reads ${format}`
  return bytes.subarray(headBytes)
}

/** A control record's stored bytes. */
export const encodeControl = (record: Omit<ControlRecord, "hash">): Encoded => seal(recordFormat, packr.pack(record))
/** An observation's stored bytes. */
export const encodeObservation = (record: Omit<ObservationRecord, "hash">): Encoded =>
  seal(recordFormat, packr.pack(record))

const isCount = (value: unknown): value is number => typeof value === "number" && Number.isSafeInteger(value)
const isMap = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isCause = (value: unknown): boolean =>
  isMap(value) && typeof value["source"] === "string" && typeof value["actor"] === "string"

const isRecord = (map: { readonly [key: string]: unknown }): boolean =>
  isCount(map["seq"]) &&
  isCount(map["at"]) &&
  isCount(map["v"]) &&
  typeof map["type"] === "string" &&
  isCause(map["cause"]) &&
  (map["kind"] === "control"
    ? isCount(map["controlNo"]) && typeof map["prevControl"] === "string"
    : map["kind"] === "observation" && isCount(map["segment"]) && isCount(map["segmentNo"]))

/**
 * The record in stored bytes, or the reason why they hold none. Never throws: the bytes come from a disk.
 * `check: false` skips the digest, for folds that were verified before.
 */
export const decodeRecord = (value: Uint8Array, check: boolean): LogRecord | string => {
  const body = unseal(recordFormat, value, check)
  if (typeof body === "string") return body
  let map: unknown
  try {
    map = packr.unpack(body)
  } catch (error) {
    return `is not MessagePack: ${error instanceof Error ? error.message : String(error)}`
  }
  if (!isMap(map) || !isRecord(map)) return "is not a record: fields are missing"
  // The digest vouches for the writer; the fields above are all that reading relies on. Hence the casts.
  const digest = Buffer.from(value.buffer, value.byteOffset, digestBytes).toString("hex")
  const base = {
    seq: map["seq"] as number,
    at: map["at"] as number,
    type: map["type"] as string,
    v: map["v"] as number,
    cause: map["cause"] as Cause,
    payload: map["payload"]
  }
  return map["kind"] === "control"
    ? {
        ...base,
        kind: "control",
        controlNo: map["controlNo"] as number,
        prevControl: `${map["prevControl"]}`,
        hash: digest
      }
    : {
        ...base,
        kind: "observation",
        segment: map["segment"] as number,
        segmentNo: map["segmentNo"] as number,
        prevObservation: `${map["prevObservation"]}`,
        anchor: `${map["anchor"]}`,
        hash: digest
      }
}
