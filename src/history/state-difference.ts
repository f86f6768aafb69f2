/**
 * What changed between two moments, object by object, and which records did it. Objects are compared as plans compare
 * them: what configuration files can say of what is there to stay.
 */
import { Effect, Stream } from "effect"
import type { LogArchiveShape } from "../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../eventlog/reading.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import type { FieldChange } from "../config/plan/Aspect.ts"
import { type Difference, differenceOf } from "../config/plan/difference.ts"
import { forEachKind, type Kind, modelOf } from "../config/plan/kinds.ts"
import type { Model } from "../config/plan/Model.ts"
import { Event } from "../domain/Event.ts"
import { activeLunsOf, type State } from "../domain/State.ts"
import { memberOf } from "./describe/words.ts"
import { type LogObject, objectTag } from "./LogObject.ts"

/** One member of an object, with the records that made it so: the newest, in order. */
export interface MemberChange extends FieldChange {
  readonly by: ReadonlyArray<LogRecord>
}

/** One object that differs. `made-anew`: it looks as before, but is another one of the same name. */
export interface ObjectChange {
  readonly action: Difference["action"] | "made-anew"
  /** Such as `bdev Malloc0`. */
  readonly object: string
  /** As questions name it; options have no name. */
  readonly about: LogObject | undefined
  readonly detail: string
  readonly changes: ReadonlyArray<MemberChange>
  /** The records that changed the object itself: the newest, in order. */
  readonly by: ReadonlyArray<LogRecord>
}

/** What differs, before it is looked up why. */
export interface Differing extends Omit<Difference, "action"> {
  readonly action: ObjectChange["action"]
}

/** Records that are named for one change. */
const recordsMax = 8

/** LUNs that are there before and after, of the same bdev name, but were added anew. */
const lunsMadeAnew = (before: Model, after: Model, key: string): ReadonlyArray<FieldChange> => {
  const [a, b] = [before.targets.get(key), after.targets.get(key)]
  if (a === undefined || b === undefined) return []
  const had = new Map(activeLunsOf(a).map((mapping) => [mapping.lun, mapping]))
  return activeLunsOf(b).flatMap(({ bdev, incarnation, lun }) => {
    const old = had.get(lun)
    const isAnother = old !== undefined && old.bdev.name === bdev.name && old.incarnation !== incarnation
    return isAnother ? [{ field: `LUN ${lun}`, from: bdev.name, to: `${bdev.name}, added anew` }] : []
  })
}

/** Objects that look the same, but have gone and come back in between. */
const madeAnew = (before: Model, after: Model, differing: ReadonlyArray<Difference>): ReadonlyArray<Differing> => {
  const known = new Set(differing.map(({ key, section }) => `${section}/${key}`))
  const found: Array<Differing> = []
  forEachKind(<A>({ detailOf, incarnationOf, labelOf, objectsOf, section }: Kind<A>) => {
    for (const [key, b] of objectsOf(after)) {
      const a = objectsOf(before).get(key)
      if (a === undefined || known.has(`${section}/${key}`)) continue
      const object = labelOf(b)
      if (incarnationOf(a) !== incarnationOf(b)) {
        found.push({ action: "made-anew", section, key, object, detail: detailOf(b), changes: [] })
      } else if (section === "targets") {
        const changes = lunsMadeAnew(before, after, key)
        if (changes.length > 0) found.push({ action: "change", section, key, object, detail: "", changes })
      }
    }
  })
  return found
}

/** Everything that differs, in a fixed order. */
export const differing = (from: State, to: State): ReadonlyArray<Differing> => {
  const [before, after] = [modelOf(from), modelOf(to)]
  const found = differenceOf(before, after)
  return [...found, ...madeAnew(before, after, found)]
}

const eventTypes = Object.keys(Event.cases)
const typesOf = (...prefixes: ReadonlyArray<string>): ReadonlyArray<string> =>
  eventTypes.filter((type) => prefixes.some((prefix) => type.startsWith(prefix))).map((type) => `type:${type}`)

/** The types of the records that change the objects of a section themselves. */
const families: Readonly<Record<keyof Model, ReadonlyArray<string>>> = {
  log: typesOf("Log"),
  options: typesOf("IscsiOptionsSet", "DiscoveryAuthSet"),
  authGroups: typesOf("AuthGroup", "GroupNamed"),
  bdevs: typesOf("Bdev"),
  portalGroups: typesOf("PortalGroup", "GroupNamed"),
  initiatorGroups: typesOf("InitiatorGroup", "GroupNamed"),
  targets: typesOf("TargetNode")
}
const lunTypes = typesOf("LunAdded", "LunRemovalStarted", "LunRemoved")

const objectOf = (section: keyof Model, key: string): LogObject | undefined => {
  switch (section) {
    case "log":
    case "options":
      return undefined
    case "authGroups":
      return { _tag: "AuthGroup", tag: Number(key) }
    case "bdevs":
      return { _tag: "Bdev", name: key }
    case "portalGroups":
      return { _tag: "PortalGroup", tag: Number(key) }
    case "initiatorGroups":
      return { _tag: "InitiatorGroup", tag: Number(key) }
    case "targets":
      return { _tag: "Target", name: key }
  }
}

/** A bdev's tag is carried by those stacked on it, too. */
const isOwn =
  ({ key, section }: Differing) =>
  ({ payload, type }: LogRecord): boolean =>
    section !== "bdevs" || !type.startsWith("Bdev") || memberOf(payload, "name") === key

/** Which records are looked at: those behind the earlier moment, up to the later one. */
export interface Between {
  readonly from: number
  readonly to: number
}

type Tags = ReadonlyArray<ReadonlyArray<string>>

const newest = (
  log: LogArchiveShape,
  tags: Tags,
  range: Between,
  isWanted: (record: LogRecord) => boolean
): Effect.Effect<ReadonlyArray<LogRecord>, LogReadFailed> =>
  log.find({ ...range, tags, reverse: true }).pipe(
    Stream.filter(isWanted),
    Stream.take(recordsMax),
    Stream.runCollect,
    Effect.map((records) => records.toReversed())
  )

/** Starts that began with nothing: they have removed everything. */
export const emptyStarts = (
  log: LogArchiveShape,
  range: Between
): Effect.Effect<ReadonlyArray<LogRecord>, LogReadFailed> =>
  newest(log, [["type:EpochStarted"]], range, ({ payload }) => memberOf(payload, "mode") === "empty")

const ofLun = (field: string): number | undefined => {
  const lun = /^LUN (\d+)$/u.exec(field)?.[1]
  return lun === undefined ? undefined : Number(lun)
}

/** Without the records that did it. */
export const unexplained = ({ action, changes, detail, key, object, section }: Differing): ObjectChange => ({
  action,
  object,
  about: objectOf(section, key),
  detail,
  changes: changes.map((change) => ({ ...change, by: [] })),
  by: []
})

/** With the records that did it. */
export const explained = (
  log: LogArchiveShape,
  one: Differing,
  range: Between,
  starts: ReadonlyArray<LogRecord>
): Effect.Effect<ObjectChange, LogReadFailed> =>
  Effect.gen(function* () {
    const { action, changes, detail, key, object, section } = one
    const about = objectOf(section, key)
    const family = families[section]
    const own = yield* newest(log, about === undefined ? [family] : [[objectTag(about)], family], range, isOwn(one))
    const members = yield* Effect.forEach(changes, (change) =>
      Effect.gen(function* () {
        const lun = section === "targets" ? ofLun(change.field) : undefined
        if (lun === undefined) return { ...change, by: [] }
        const tag = objectTag({ _tag: "Lun", target: key, lun })
        return { ...change, by: yield* newest(log, [[tag], lunTypes], range, () => true) }
      })
    )
    const by = [...starts, ...own].sort((a, b) => a.seq - b.seq)
    const isLunsAlone = members.length > 0 && members.every((member) => member.by.length > 0)
    return { action, object, about, detail, changes: members, by: isLunsAlone ? [] : by }
  })
