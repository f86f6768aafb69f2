/**
 * A record as JSON and back, without loss: what comes back has the same stored bytes, and so the same hash.
 *
 * Members are named as in `record.ts`. What JSON has no form for is an object of one member: `{"$bytes": base64}`,
 * `{"$bigint": "5"}`, `{"$number": "NaN"}`, `{"$undefined": true}`; an object with a member that JSON could lose or
 * that could be taken for one of these is `{"$object": [[name, value], ...]}`.
 */
import type { LogRecord } from "./record.ts"
import { decodeRecord, type Encoded, pack, recordBytesMax, recordFormat, seal } from "./record-codec.ts"

/** Nothing that lunlog writes is nested half as deep. */
const depthMax = 64

const isNumberWord = (word: unknown): word is string => word === "NaN" || word === "Infinity" || word === "-Infinity"

const objectToJson = (value: object): unknown => {
  const members = Object.entries(value).map(([name, member]: [string, unknown]) => [name, valueToJson(member)] as const)
  const isPlain = members.every(([name]) => !name.startsWith("$") && name !== "__proto__")
  return isPlain ? Object.fromEntries(members) : { $object: members }
}

/** Plain data of a payload as JSON data. */
const valueToJson = (value: unknown): unknown => {
  if (value === undefined) return { $undefined: true }
  if (typeof value === "number") return Number.isFinite(value) ? value : { $number: String(value) }
  if (typeof value === "bigint") return { $bigint: String(value) }
  if (typeof value !== "object" || value === null) return value
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") }
  return Array.isArray(value) ? value.map(valueToJson) : objectToJson(value)
}

/** Why JSON data is not what `valueToJson` gives. */
class NotPlain extends Error {}

const isEntry = (entry: unknown): entry is [string, unknown] =>
  Array.isArray(entry) && entry.length === 2 && typeof entry[0] === "string"

const special = (name: string, value: unknown, depth: number): unknown => {
  if (name === "$undefined" && value === true) return undefined
  if (name === "$number" && isNumberWord(value)) return Number(value)
  if (name === "$bigint" && typeof value === "string" && /^-?\d{1,20}$/.test(value)) return BigInt(value)
  if (name === "$bytes" && typeof value === "string") return Buffer.from(value, "base64")
  if (name === "$object" && Array.isArray(value) && value.every(isEntry)) {
    return Object.fromEntries(value.map(([key, member]) => [key, plain(member, depth)]))
  }
  throw new NotPlain(`${name} is not followed by what belongs there`)
}

const plain = (value: unknown, depth: number): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (depth >= depthMax) throw new NotPlain(`it is nested deeper than ${depthMax} levels`)
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1))
  const entries: ReadonlyArray<[string, unknown]> = Object.entries(value)
  const [first] = entries
  if (entries.length === 1 && first?.[0].startsWith("$") === true) return special(first[0], first[1], depth + 1)
  return Object.fromEntries(entries.map(([name, member]) => [name, plain(member, depth + 1)]))
}

/** In the order of `sequence.ts`: it is part of the stored bytes. */
const memberNames = {
  control: ["seq", "at", "kind", "type", "v", "cause", "payload", "controlNo", "prevControl"],
  observation: [
    ...["seq", "at", "kind", "type", "v", "cause", "payload"],
    ...["segment", "segmentNo", "prevObservation", "anchor"]
  ]
} as const

type Members = Readonly<Record<string, unknown>>
const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const sealed = (kind: LogRecord["kind"], memberOf: (name: string) => unknown): Encoded =>
  seal(recordFormat, pack(Object.fromEntries(memberNames[kind].map((name) => [name, memberOf(name)]))))

/**
 * JSON data of a record. With `stored`, its stored bytes, they go along if they cannot be made again from the rest:
 * strings that are no Unicode are stored in more than one way.
 */
export const recordToJson = (record: LogRecord, stored: Uint8Array | undefined): object => {
  const { at, cause, hash, kind, payload, seq, type, v, ...chain } = record
  const told = { cause: valueToJson(cause), payload: valueToJson(payload) }
  const json = { seq, at, kind, type, v, ...told, ...chain, hash }
  return stored === undefined ? json : { ...json, stored: Buffer.from(stored).toString("base64") }
}

/** Whether the stored bytes of a record can be made again from what was decoded. */
export const isReproducible = (record: LogRecord): boolean => {
  const members: Members = { ...record }
  return sealed(record.kind, (name) => members[name]).hash === record.hash
}

/** A record that has come back: as it is stored, and as it is read. */
export interface Restored {
  readonly record: LogRecord
  readonly value: Uint8Array
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === "object" &&
  value !== null &&
  !(value instanceof Uint8Array) &&
  (levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1)))

const restore = (value: Uint8Array, hash: unknown): Restored | string => {
  if (value.length > recordBytesMax) return `is larger than ${recordBytesMax} bytes`
  const record = decodeRecord(value, true)
  if (typeof record === "string") return record
  if (isDeeper(record.payload, depthMax)) return `is nested deeper than ${depthMax} levels`
  if (record.hash === hash) return { record, value }
  const expected = typeof hash === "string" ? hash.slice(0, record.hash.length) : "another"
  return `has the hash ${record.hash}, ${expected} was expected`
}

/** The record of JSON data, or why it holds none. Never throws: the data comes from a file. */
export const recordFromJson = (json: unknown): Restored | string => {
  if (!isMembers(json)) return "is no object"
  const { hash, kind, stored } = json
  if (kind !== "control" && kind !== "observation") return "has neither the kind control nor observation"
  if (typeof stored === "string") return restore(Buffer.from(stored, "base64"), hash)
  const missing = memberNames[kind].find((name) => !Object.hasOwn(json, name))
  if (missing !== undefined) return `has no member ${missing}`
  try {
    return restore(sealed(kind, (name) => plain(json[name], 0)).value, hash)
  } catch (error) {
    if (error instanceof NotPlain || error instanceof RangeError) return `cannot be stored: ${error.message}`
    throw error
  }
}
