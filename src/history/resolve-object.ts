/**
 * Which objects a name means: what the log has records of. A name may be typed in part, as long as only one object that
 * the log knows is called so; else the error suggests what may have been meant.
 */
import { Effect, Option, Schema, Stream } from "effect"
import type { LogArchiveShape } from "../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../eventlog/reading.ts"
import type { LogRecord } from "../../eventlog/record.ts"
import { closest, suggestion } from "../config/native/closest.ts"
import { memberOf } from "./describe/words.ts"
import { existsIn, stateOfBeginning, targetNamesIn } from "./exists-in.ts"
import { type LogObject, objectForms, objectsCalled, objectTag, parseObject, splitLun } from "./LogObject.ts"

/** No record is about what was named. */
export class ObjectUnknown extends Schema.TaggedError<ObjectUnknown>()("ObjectUnknown", {
  name: Schema.String,
  /** `, did you mean ...?`, or nothing. */
  hint: Schema.String
}) {
  override get message() {
    return `the log knows no ${JSON.stringify(this.name)}${this.hint}; write ${objectForms}`
  }
}

/** Longest name that is looked up, in characters. */
const nameLengthMax = 512
/** Types of records that give names, and of how many of the newest names are taken that nobody has typed in full. */
const naming: ReadonlyArray<readonly [types: ReadonlyArray<string>, max: number]> = [
  [["TargetNodeCreated"], 1024],
  [["BdevCreated"], 2048],
  [["PortalGroupCreated", "InitiatorGroupCreated", "AuthGroupCreated", "GroupNamed"], 512],
  [["ConfigApplied"], 64],
  [["SessionOpened", "LoginRefused"], 512]
]

/** Whether there is any record about it, or the log begins with it. */
const isKnown = (log: LogArchiveShape, object: LogObject): Effect.Effect<boolean, LogReadFailed> =>
  Effect.gen(function* () {
    const last = yield* Stream.runHead(log.find({ tags: [[objectTag(object)]], reverse: true }))
    if (Option.isSome(last)) return true
    const state = yield* stateOfBeginning(log)
    return state !== undefined && existsIn(state, object)
  })

const groupTags: Readonly<Record<string, "PortalGroup" | "InitiatorGroup" | "AuthGroup">> = {
  PortalGroupCreated: "PortalGroup",
  InitiatorGroupCreated: "InitiatorGroup",
  AuthGroupCreated: "AuthGroup",
  portal: "PortalGroup",
  initiator: "InitiatorGroup",
  auth: "AuthGroup"
}

/** What a record gives a name to. */
const namedBy = ({ payload, type }: LogRecord): readonly [name: string, object: LogObject] | undefined => {
  const [name, tag] = [memberOf(payload, "name"), memberOf(payload, "tag")]
  if (type === "SessionOpened" || type === "LoginRefused") {
    const initiator = memberOf(payload, "initiatorName")
    return typeof initiator === "string" ? [initiator, { _tag: "Initiator", name: initiator }] : undefined
  }
  if (typeof name !== "string") return undefined
  if (type === "TargetNodeCreated") return [name, { _tag: "Target", name }]
  if (type === "BdevCreated") return [name, { _tag: "Bdev", name }]
  if (type === "ConfigApplied") return [name, { _tag: "Config", name }]
  const group = groupTags[type === "GroupNamed" ? String(memberOf(payload, "kind")) : type]
  return group === undefined || typeof tag !== "number" ? undefined : [name, { _tag: group, tag }]
}

/** Names that the newest records of each kind give, the newest object of each name. */
const namesIn = (log: LogArchiveShape): Effect.Effect<ReadonlyMap<string, LogObject>, LogReadFailed> =>
  Effect.gen(function* () {
    const found = yield* Effect.forEach(naming, ([types, max]) => {
      const newest = log.find({ tags: [types.map((type) => `type:${type}`)], reverse: true })
      return Stream.runCollect(Stream.take(newest, max))
    })
    const names = new Map<string, LogObject>()
    for (const record of found.flat()) {
      const [name, object] = namedBy(record) ?? []
      if (name !== undefined && name !== "" && object !== undefined && !names.has(name)) names.set(name, object)
    }
    const state = yield* stateOfBeginning(log)
    if (state === undefined) return names
    for (const name of targetNamesIn(state)) if (!names.has(name)) names.set(name, { _tag: "Target", name })
    return names
  })

/** What follows the prefix of an iSCSI name: what people call a target. */
const shortOf = (name: string): string => name.slice(name.indexOf(":") + 1)

/** Names that the text is a part of: what is called so, else what begins so, else what has it anywhere. */
const completions = (text: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const wanted = text.toLowerCase()
  const rules: ReadonlyArray<(name: string) => boolean> = [
    (name) => name.toLowerCase() === wanted || shortOf(name).toLowerCase() === wanted,
    (name) => name.toLowerCase().startsWith(wanted) || shortOf(name).toLowerCase().startsWith(wanted),
    (name) => name.toLowerCase().includes(wanted)
  ]
  return rules.map((rule) => names.filter(rule)).find((found) => found.length > 0) ?? []
}

const suggestionsMax = 5

/** Whether what is called so may be meant: of a kind that was typed, and a LUN by the name of its target. */
const isOfKind = (object: LogObject, kind: LogObject["_tag"] | undefined): boolean =>
  kind === undefined || object._tag === (kind === "Lun" ? "Target" : kind)

/** `typed` is what was written, with a kind in front or not. */
const completed = (log: LogArchiveShape, typed: string, kind: LogObject["_tag"] | undefined) =>
  Effect.gen(function* () {
    const names = new Map([...(yield* namesIn(log))].filter(([, one]) => isOfKind(one, kind)))
    const text = kind === undefined ? typed : typed.slice(typed.indexOf(":") + 1)
    const refused = (hint: string) => new ObjectUnknown({ name: typed.slice(0, nameLengthMax), hint })
    const lun = splitLun(text)
    for (const part of [text, ...(lun === undefined ? [] : [lun.target])]) {
      const found = completions(part, [...names.keys()])
      const objects = found.flatMap((name) => names.get(name) ?? [])
      const wanted: ReadonlyArray<LogObject> =
        lun === undefined || part === text
          ? objects
          : objects.flatMap((one) => (one._tag === "Target" ? [{ _tag: "Lun", target: one.name, lun: lun.lun }] : []))
      const known = yield* Effect.filter(wanted.slice(0, suggestionsMax), (one) => isKnown(log, one))
      if (wanted.length > 1) {
        const more = found.length > suggestionsMax ? " ..." : ""
        return yield* refused(`: it may be ${found.slice(0, suggestionsMax).join(", ")}${more}`)
      }
      if (known.length > 0) return known
      const [only] = wanted
      if (only?._tag === "Lun") return yield* refused(`: it has no LUN ${only.lun} of ${only.target}`)
    }
    const both = [...new Set([...names.keys()].flatMap((name) => [name, shortOf(name)]))]
    return yield* refused(suggestion(text, closest(text, both) === undefined ? [...names.keys()] : both))
  })

/** The objects that `text` means: of a name alone, each that the log has records of. Never none. */
export const resolveObject = (
  log: LogArchiveShape,
  text: string
): Effect.Effect<ReadonlyArray<LogObject>, LogReadFailed | ObjectUnknown> =>
  Effect.gen(function* () {
    const typed = parseObject(text)
    const candidates = typed === undefined ? objectsCalled(text) : [typed]
    const isSane = text !== "" && text.length <= nameLengthMax
    const known = isSane ? yield* Effect.filter(candidates, (one) => isKnown(log, one), { concurrency: 4 }) : []
    if (known.length > 0) return known
    if (!isSane) return yield* new ObjectUnknown({ name: text.slice(0, nameLengthMax), hint: "" })
    const found = yield* completed(log, text, typed?._tag)
    const ofKind = found.filter((one) => typed === undefined || one._tag === typed._tag)
    return ofKind.length > 0 ? ofKind : yield* new ObjectUnknown({ name: text, hint: "" })
  })
