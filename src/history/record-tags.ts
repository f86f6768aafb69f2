/**
 * What a record is about, as tags to find it by. Read off the stored payload, in whatever version it was written, so
 * that a record is found that cannot be decoded any more.
 *
 * | tag                                                          | carried by records that                           |
 * | ------------------------------------------------------------ | ------------------------------------------------- |
 * | `type:LunAdded`                                              | have this type                                    |
 * | `source:rpc`, `actor:root`, `method:bdev_malloc_delete`      | were asked for so; the actor `local` has no tag   |
 * | `correlation:17`                                             | record 17 has led to                              |
 * | `target:NAME`, `initiator:NAME`                              | name it (lower case)                              |
 * | `lun:TARGET/ID`                                              | concern this LUN                                  |
 * | `bdev:NAME`                                                  | concern it, map it, or are stacked on it          |
 * | `portal-group:1`, `initiator-group:1`, `auth-group:1`        | concern it, or use it                             |
 * | `address:10.0.0.7`                                           | come from this host, or open a portal on it       |
 * | `session:5`                                                  | concern the session with this TSIH                |
 * | `config:NAME`                                                | apply this file                                   |
 * | `control`                                                    | change the state, as against what was observed    |
 * | `trouble`                                                    | say that something went wrong                     |
 */
import type { Tagging } from "../../eventlog/LogArchive.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import { isTrouble } from "./trouble.ts"

/** Raised whenever the same record gets other tags: indexes are built anew. */
const TAGS_VERSION = 3

/** Longest name that is a tag, in characters; no object has a longer one. */
const nameLengthMax = 255
/** Tags of one record: a group may name 256 initiators, a file thousands of objects. */
const tagsMax = 600

type Payload = Readonly<Record<string, unknown>>

/** Members of anything; none of what has none. */
const isPayload = (value: unknown): value is Payload =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" && value.length <= nameLengthMax ? value : undefined

const numberOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined

const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

/** The host of `10.0.0.7:3260`, `[fe80::1]:3260` or a bare address. */
export const hostOf = (address: string): string =>
  (/^\[([^\]]*)\](?::\d+)?$/u.exec(address) ?? /^([^:]*)(?::\d+)?$/u.exec(address))?.[1] ?? address

/** Gathers tags; what is no name or number adds none. */
class Tags {
  readonly #tags = new Set<string>()

  add(kind: string, value: unknown): void {
    const text = typeof value === "number" ? numberOf(value)?.toString() : textOf(value)
    if (text !== undefined && this.#tags.size < tagsMax) this.#tags.add(`${kind}:${text}`)
  }

  iscsiName(kind: string, value: unknown): void {
    this.add(kind, textOf(value)?.toLowerCase())
  }

  lun(target: unknown, lun: unknown): void {
    const name = textOf(target)?.toLowerCase()
    const id = numberOf(lun)
    if (name !== undefined && id !== undefined) this.add("lun", `${name}/${id}`)
  }

  address(value: unknown): void {
    const text = textOf(value)
    if (text !== undefined) this.add("address", hostOf(text).toLowerCase())
  }

  mark(tag: string): void {
    this.#tags.add(tag)
  }

  all(): ReadonlyArray<string> {
    return [...this.#tags]
  }
}

/** What `tag` or `name` means depends on the family of the record's type. */
const addFamily = (tags: Tags, type: string, payload: Payload): void => {
  if (type.startsWith("PortalGroup")) tags.add("portal-group", payload["tag"])
  else if (type.startsWith("InitiatorGroup")) tags.add("initiator-group", payload["tag"])
  else if (type.startsWith("AuthGroup")) tags.add("auth-group", payload["tag"])
  else if (type === "GroupNamed") tags.add(`${textOf(payload["kind"]) ?? ""}-group`, payload["tag"])
  else if (type.startsWith("Bdev")) tags.add("bdev", payload["name"])
  else if (type.startsWith("TargetNode")) tags.iscsiName("target", payload["name"])
  else if (type === "ConfigApplied") tags.add("config", payload["name"])
}

/** Fields that mean the same wherever they occur. */
const addFields = (tags: Tags, payload: Payload): void => {
  const target = payload["target"] ?? payload["targetName"]
  tags.iscsiName("target", target)
  tags.lun(target, payload["lun"])
  tags.iscsiName("initiator", payload["initiatorName"])
  tags.address(payload["initiatorAddress"])
  tags.add("session", payload["tsih"])
  tags.add("portal-group", payload["portalGroup"] ?? payload["portalGroupTag"])
  tags.add("initiator-group", payload["initiatorGroup"])
  tags.add("config", payload["config"])
  const { auth, bdev, spec } = payload
  tags.add("bdev", isPayload(bdev) ? bdev["name"] : bdev)
  if (isPayload(spec) && isPayload(spec["base"])) tags.add("bdev", spec["base"]["name"])
  if (isPayload(auth) && auth["chapGroup"] !== 0) tags.add("auth-group", auth["chapGroup"])
}

/** Who is named by a change of reservations. */
const addRegistrant = (tags: Tags, value: unknown): void => {
  if (!isPayload(value)) return
  tags.iscsiName("initiator", value["initiator"])
  tags.iscsiName("target", value["target"])
}

const addReservations = (tags: Tags, payload: Payload): void => {
  addRegistrant(tags, payload["by"])
  for (const registrant of listOf(payload["registered"])) addRegistrant(tags, registrant)
  for (const registrant of listOf(payload["unregistered"])) addRegistrant(tags, registrant)
  const { reservation } = payload
  if (isPayload(reservation)) addRegistrant(tags, reservation["holder"])
}

const addLists = (tags: Tags, payload: Payload): void => {
  for (const map of listOf(payload["maps"])) {
    if (!isPayload(map)) continue
    tags.add("portal-group", map["portalGroup"])
    tags.add("initiator-group", map["initiatorGroup"])
  }
  for (const name of listOf(payload["targets"])) tags.iscsiName("target", name)
  for (const name of listOf(payload["contentLost"])) tags.add("bdev", name)
  for (const portal of listOf(payload["portals"])) if (isPayload(portal)) tags.address(portal["host"])
  for (const pattern of listOf(payload["initiators"])) {
    const name = textOf(pattern)?.replace(/^!/u, "")
    if (name !== undefined && name !== "ANY") tags.iscsiName("initiator", name)
  }
}

/** Every tag of a record, each once. Never throws. */
export const tagsOf = (record: LogRecord): ReadonlyArray<string> => {
  const { cause, payload, type } = record
  const tags = new Tags()
  tags.add("type", type)
  tags.add("source", cause.source)
  if (cause.actor !== "local") {
    if (cause.source === "initiator") tags.address(cause.actor)
    else tags.add("actor", cause.actor)
  }
  tags.add("method", cause.method)
  tags.add("correlation", cause.correlationId)
  if (isTrouble(record)) tags.mark("trouble")
  if (record.kind === "control") tags.mark("control")
  if (!isPayload(payload)) return tags.all()
  addFamily(tags, type, payload)
  addFields(tags, payload)
  addLists(tags, payload)
  if (type === "ReservationsChanged") addReservations(tags, payload)
  return tags.all()
}

const objectTagForm = /^(?:target|lun|bdev|portal-group|initiator-group|auth-group|initiator|session|config):/u

/** The objects that a record is about, each as it is typed (`objectText`). Addresses are left to the record's words. */
export const objectsOf = (record: LogRecord): ReadonlyArray<string> =>
  tagsOf(record)
    .filter((tag) => objectTagForm.test(tag))
    .map((tag) => (tag.startsWith("lun:") ? tag.replace(/\/(\d+)$/u, ":$1") : tag))

/** For `LevelEventLog` and `openForReading`. */
export const recordTagging: Tagging = { version: TAGS_VERSION, tagsOf }
