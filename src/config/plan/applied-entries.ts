/**
 * What a file wants as the log keeps it (`AppliedConfig`), and back. Refers to objects by name only: entries of two
 * files can be put together.
 */
import { createHash } from "node:crypto"
import { Result } from "effect"
import type { BdevRef } from "../../domain/bdev/BdevSpec.ts"
import type { AppliedConfig, DesiredEntry } from "../../domain/config/AppliedConfig.ts"
import type { Event } from "../../domain/Event.ts"
import { decodeRecord, encodeEvent } from "../../domain/event-codec.ts"
import { evolve } from "../../domain/evolve.ts"
import { iscsiNameKey } from "../../domain/ids.ts"
import { findBdev, initialState, inPlace, type State } from "../../domain/State.ts"
import { modelOf } from "./kinds.ts"
import type { Model } from "./Model.ts"

/** Events that a file leads to on an empty state, in their order. */
export const entriesOf = (events: ReadonlyArray<Event>): ReadonlyArray<DesiredEntry> =>
  events.map((event) => {
    const { payload, type, v } = encodeEvent(event)
    return { type, v, payload: JSON.stringify(payload) }
  })

/** Each sealing of a secret differs; its fingerprint does not. Incarnations are places in the file. */
const withoutChance = (key: string, value: unknown): unknown =>
  key === "sealed" || key === "incarnation" ? undefined : value

/** A key of JSON, never a part of a text: there its quotes would be escaped. */
const incarnationMember = /,"incarnation":\d+/gu
const chanceKey = /"(?:sealed|incarnation)":/u

/** Most payloads have nothing of chance but the incarnations of bdevs: those are taken out of the text. */
const canonicalText = (payload: string): string => {
  const text = payload.replace(incarnationMember, "")
  return chanceKey.test(text) ? JSON.stringify(JSON.parse(payload), withoutChance) : text
}

/** SHA-256 over what is wanted; equal for files that want the same. */
export const hashOf = (entries: ReadonlyArray<DesiredEntry>): string => {
  const hash = createHash("sha256")
  for (const { payload, type, v } of entries) hash.update(`${type} ${v} ${canonicalText(payload)}\n`)
  return hash.digest("hex")
}

const readEntry = ({ payload, type, v }: DesiredEntry, seq: number): Event | undefined => {
  let value: unknown
  try {
    value = JSON.parse(payload)
  } catch {
    return undefined
  }
  const event = decodeRecord({ seq, type, v, payload: value })
  return Result.isSuccess(event) ? event.success : undefined
}

const renewed = (state: State, ref: BdevRef): BdevRef => ({
  name: ref.name,
  incarnation: findBdev(state, ref.name)?.incarnation ?? ref.incarnation
})

/** References to bdevs are by (name, incarnation): the incarnation is that of this fold. */
const withOwnRefs = (state: State, event: Event): Event => {
  if (event._tag === "LunAdded") return { ...event, bdev: renewed(state, event.bdev) }
  if (event._tag === "BdevQosSet" || event._tag === "BdevHistogramSet") return { ...event, ...renewed(state, event) }
  if (event._tag !== "BdevCreated" || !("base" in event.spec)) return event
  return { ...event, spec: { ...event.spec, base: renewed(state, event.spec.base) } }
}

const foldEntries = (entries: ReadonlyArray<DesiredEntry>): Model => {
  const declared = { options: false, log: false }
  const folded = (state: State, entry: DesiredEntry, index: number): State => {
    const event = readEntry(entry, index + 1)
    // What a later version has written and this one cannot read is as if the file had not said it.
    if (event === undefined) return state
    if (event._tag === "IscsiOptionsSet") declared.options = true
    if (event._tag === "LogOptionsSet") declared.log = true
    return evolve(state, withOwnRefs(state, event), index + 1)
  }
  const state = inPlace(initialState, (draft) => entries.reduce(folded, draft))
  return modelOf(state, declared)
}

const models = new WeakMap<ReadonlyArray<DesiredEntry>, Model>()

/** The objects that entries make. Computed once for each list. */
export const modelOfEntries = (entries: ReadonlyArray<DesiredEntry>): Model => {
  const known = models.get(entries)
  if (known !== undefined) return known
  const model = foldEntries(entries)
  models.set(entries, model)
  return model
}

/** What the file wanted that was applied last; undefined if none was. */
export const appliedModel = (applied: AppliedConfig | undefined): Model | undefined =>
  applied === undefined ? undefined : modelOfEntries(applied.desired)

/** Section and key of what an event is about. */
const subjectOf = (event: Event): readonly [keyof Model, string] => {
  if (event._tag === "LogOptionsSet") return ["log", "log"]
  if ("target" in event) return ["targets", iscsiNameKey(event.target)]
  if (event._tag === "TargetNodeCreated") return ["targets", iscsiNameKey(event.name)]
  if (event._tag === "GroupNamed") {
    const section = { portal: "portalGroups", initiator: "initiatorGroups", auth: "authGroups" } as const
    return [section[event.kind], String(event.tag)]
  }
  if ("tag" in event) {
    if (event._tag.startsWith("PortalGroup")) return ["portalGroups", String(event.tag)]
    return [event._tag.startsWith("AuthGroup") ? "authGroups" : "initiatorGroups", String(event.tag)]
  }
  return event._tag.startsWith("Bdev") && "name" in event ? ["bdevs", event.name] : ["options", "options"]
}

const sections: ReadonlyArray<keyof Model> = [
  "options",
  "log",
  "authGroups",
  "bdevs",
  "portalGroups",
  "initiatorGroups",
  "targets"
]

type InScope = (section: keyof Model, key: string) => boolean

const placed = (entries: ReadonlyArray<DesiredEntry>, inScope: InScope, wanted: boolean) =>
  entries.flatMap((entry, index) => {
    const event = readEntry(entry, index + 1)
    if (event === undefined) return []
    const [section, key] = subjectOf(event)
    return inScope(section, key) === wanted ? [{ entry, rank: sections.indexOf(section) }] : []
  })

/** What is in scope from `next`, the rest from `last`; in an order that folds. */
export const replaceInScope = (
  last: ReadonlyArray<DesiredEntry>,
  next: ReadonlyArray<DesiredEntry>,
  inScope: InScope
): ReadonlyArray<DesiredEntry> =>
  [...placed(last, inScope, false), ...placed(next, inScope, true)]
    .sort((a, b) => a.rank - b.rank)
    .map(({ entry }) => entry)

/** Entries of what is not in scope. */
export const outOfScope = (entries: ReadonlyArray<DesiredEntry>, inScope: InScope): ReadonlyArray<DesiredEntry> =>
  placed(entries, inScope, false).map(({ entry }) => entry)
