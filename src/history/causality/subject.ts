/** What a record is about, and what else it refers to: read off its payload, in whatever version that is. */
import type { LogRecord } from "../../../eventlog/record.ts"
import { memberOf } from "../describe/words.ts"
import type { LogObject } from "../LogObject.ts"

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)
const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined)

const groupOf = (type: string, payload: unknown): LogObject | undefined => {
  const tag = numberOf(memberOf(payload, "tag"))
  if (tag === undefined) return undefined
  if (type.startsWith("PortalGroup")) return { _tag: "PortalGroup", tag }
  if (type.startsWith("InitiatorGroup")) return { _tag: "InitiatorGroup", tag }
  return type.startsWith("AuthGroup") ? { _tag: "AuthGroup", tag } : undefined
}

const lunOf = (payload: unknown): LogObject | undefined => {
  const target = textOf(memberOf(payload, "target")) ?? textOf(memberOf(payload, "targetName"))
  const lun = numberOf(memberOf(payload, "lun"))
  return target === undefined || lun === undefined ? undefined : { _tag: "Lun", target, lun }
}

const reservedDisk = (type: string, payload: unknown): string | undefined =>
  type === "ReservationsChanged" ? textOf(memberOf(memberOf(payload, "bdev"), "name")) : undefined

/** The object that a record changes or tells of; undefined if it is about none, or about the target as a whole. */
export const subjectOf = ({ payload, type }: LogRecord): LogObject | undefined => {
  const name = textOf(memberOf(payload, "name"))
  const target = textOf(memberOf(payload, "target"))
  const tsih = numberOf(memberOf(payload, "tsih"))
  const bdev = textOf(memberOf(payload, "bdev")) ?? reservedDisk(type, payload)
  if (type === "TargetNodeCreated" && name !== undefined) return { _tag: "Target", name }
  if (type.startsWith("TargetNode") && target !== undefined) return { _tag: "Target", name: target }
  if (type.startsWith("Lun")) return lunOf(payload)
  if (type.startsWith("Bdev") && (name ?? bdev) !== undefined) return { _tag: "Bdev", name: name ?? bdev ?? "" }
  if (type.startsWith("Session") && tsih !== undefined) return { _tag: "Session", tsih }
  if (type === "ConfigApplied" && name !== undefined) return { _tag: "Config", name }
  return groupOf(type, payload) ?? lunOf(payload) ?? (bdev === undefined ? undefined : { _tag: "Bdev", name: bdev })
}

/** Seqs of the records that created what this one refers to: incarnations are that. */
export const creatorsOf = ({ payload }: LogRecord): ReadonlyArray<number> => {
  const [bdev, spec] = [memberOf(payload, "bdev"), memberOf(payload, "spec")]
  const incarnations = [payload, bdev, memberOf(spec, "base")].map((one) => numberOf(memberOf(one, "incarnation")))
  return incarnations.filter((seq) => seq !== undefined && seq > 0).filter((seq) => seq !== undefined)
}

/** The type that ends what a type begins. */
const endings: Readonly<Record<string, string>> = {
  BdevCreated: "BdevRemoved",
  TargetNodeCreated: "TargetNodeDeleted",
  LunAdded: "LunRemoved",
  PortalGroupCreated: "PortalGroupDeleted",
  InitiatorGroupCreated: "InitiatorGroupDeleted",
  AuthGroupCreated: "AuthGroupDeleted",
  SessionOpened: "SessionClosed"
}

/** Types that create something, each with the type that ends it. */
export const endingOf = (type: string): string | undefined => (Object.hasOwn(endings, type) ? endings[type] : undefined)

/** Types that begin a removal, each with the type that ends it. */
const removals: ReadonlyArray<readonly [start: string, end: string]> = [
  ["BdevRemovalStarted", "BdevRemoved"],
  ["LunRemovalStarted", "LunRemoved"],
  ["TargetNodeDeletionStarted", "TargetNodeDeleted"]
]

/** The type that ends the removal that `type` begins; undefined if it begins none. */
export const removalEndOf = (type: string): string | undefined => removals.find(([start]) => start === type)?.[1]

/** The type that begins the removal that `type` ends; undefined if it ends none. */
export const removalStartOf = (type: string): string | undefined => removals.find(([, end]) => end === type)?.[0]

/** Whether two records are about the very same thing, and not another of its name. */
export const isSameIncarnation = (a: LogRecord, b: LogRecord): boolean => {
  const incarnation = memberOf(a.payload, "incarnation")
  return incarnation !== undefined && incarnation === memberOf(b.payload, "incarnation")
}

/** Changes whose effect shows in what goes wrong afterwards. */
export const changesIo = (type: string): boolean =>
  type === "BdevErrorInjected" || type === "BdevQosSet" || type === "BdevLatenciesSet"

/** Of IO and logins: the disk, the session, the target. */
export const refersTo = ({ payload }: LogRecord) => ({
  bdev: textOf(memberOf(payload, "bdev")),
  tsih: numberOf(memberOf(payload, "tsih")),
  target: textOf(memberOf(payload, "targetName"))
})
