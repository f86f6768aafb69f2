/**
 * The canonical state of a moment (`eventlog_state` with `raw`) as lists of objects that can be looked at. It is read
 * leniently: a later version of lunlog may know more of an object, which is shown as it is, and sealed secrets never
 * are.
 */
import { printable } from "../../printable.ts"
import { isRecord } from "../../rpc/reader-codec.ts"

/** An object as it was. */
export interface PastObject {
  /** As questions name it, `lun:TARGET:ID`. */
  readonly about: string
  /** What it is called in a list. */
  readonly title: string
  /** In a few words. */
  readonly summary: string
  /** `Active`, `Draining` ...; empty if objects of its kind have none. */
  readonly phase: string
  /** All that the state has of it. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** By kind, in creation order. */
export interface PastObjects {
  readonly targets: ReadonlyArray<PastObject>
  readonly luns: ReadonlyArray<PastObject>
  readonly bdevs: ReadonlyArray<PastObject>
  readonly groups: ReadonlyArray<PastObject>
  readonly settings: ReadonlyArray<readonly [name: string, value: string]>
}

type Fields = Readonly<Record<string, unknown>>

const listIn = (fields: Fields, name: string): ReadonlyArray<Fields> => {
  const value = fields[name]
  return Array.isArray(value) ? value.filter(isRecord) : []
}

const textIn = (fields: Fields, name: string): string => {
  const value = fields[name]
  return typeof value === "string" || typeof value === "number" ? printable(String(value)) : ""
}

const recordIn = (fields: Fields, name: string): Fields => {
  const value = fields[name]
  return isRecord(value) ? value : {}
}

const phaseOf = (fields: Fields): string => textIn(recordIn(fields, "phase"), "_tag")

const lunsOf = (target: Fields): ReadonlyArray<PastObject> =>
  listIn(target, "luns").map((lun) => ({
    about: `lun:${textIn(target, "name")}:${textIn(lun, "lun")}`,
    title: `${textIn(target, "name")}, LUN ${textIn(lun, "lun")}`,
    summary: textIn(recordIn(lun, "bdev"), "name"),
    phase: phaseOf(lun),
    fields: lun
  }))

const targetOf = (target: Fields): PastObject => ({
  about: `target:${textIn(target, "name")}`,
  title: textIn(target, "name"),
  summary: [textIn(target, "alias"), counted(listIn(target, "luns").length)].filter((text) => text !== "").join(", "),
  phase: phaseOf(target),
  fields: target
})

const counted = (luns: number): string => (luns === 1 ? "1 LUN" : `${luns} LUNs`)

const bdevOf = (bdev: Fields): PastObject => ({
  about: `bdev:${textIn(bdev, "name")}`,
  title: textIn(bdev, "name"),
  summary: textIn(recordIn(bdev, "spec"), "_tag"),
  phase: phaseOf(bdev),
  fields: bdev
})

/** Its device has gone; it is the same again when that is back. */
const detachedOf = (bdev: Fields): PastObject => ({ ...bdevOf(bdev), phase: "Detached" })

const groupOf =
  (kind: string, words: string, what: (group: Fields) => string) =>
  (group: Fields): PastObject => ({
    about: `${kind}:${textIn(group, "tag")}`,
    title: `${words} ${textIn(group, "tag")}${textIn(group, "name") === "" ? "" : ` (${textIn(group, "name")})`}`,
    summary: what(group),
    phase: "",
    fields: group
  })

const textsIn = (fields: Fields, name: string): ReadonlyArray<string> => {
  const value = fields[name]
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : []
}

const portalsOf = (group: Fields): string =>
  listIn(group, "portals")
    .map((portal) => `${textIn(portal, "host")}:${textIn(portal, "port")}`)
    .join(", ")

const initiatorsOf = (group: Fields): string =>
  `${textsIn(group, "initiators").join(", ")} from ${textsIn(group, "netmasks").join(", ")}`

/** Bytes of a sealed secret say nothing to people, and are nobody's business. */
const isSealed = (value: object): boolean => "sealed" in value && "fingerprint" in value

/** Levels of a value that are shown: nothing that lunlog writes has as many. */
const levelsShown = 16

const memberText = (value: unknown, levels: number): string => {
  if (value === null || value === undefined) return "none"
  if (typeof value !== "object") return String(value)
  if (levels === 0) return "…"
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map((item) => inner(item, levels)).join(", ")
  if (isSealed(value)) return "withheld"
  return Object.entries(value)
    .map(([name, member]) => (name === "_tag" ? String(member) : `${name} ${inner(member, levels)}`))
    .join(", ")
}

/** What has several parts stands in parentheses; those of a list with one item are the item's. */
const inner = (value: unknown, levels: number): string => {
  const text = memberText(value, levels - 1)
  const isWhole = typeof value !== "object" || (Array.isArray(value) && value.length === 1) || !text.includes(", ")
  return isWhole ? text : `(${text})`
}

/** A value of a field on one line: `name disk-14, incarnation 19`. */
export const fieldText = (value: unknown): string => printable(memberText(value, levelsShown))

/** Reads the text of a state; undefined if it is no JSON object. */
export const pastObjects = (text: string): PastObjects | undefined => {
  const state: unknown = JSON.parse(text)
  if (!isRecord(state)) return undefined
  const targets = listIn(state, "targets")
  const settings = { ...recordIn(state, "options"), ...recordIn(state, "logOptions") }
  return {
    targets: targets.map(targetOf),
    luns: targets.flatMap(lunsOf),
    bdevs: [...listIn(state, "bdevs").map(bdevOf), ...listIn(state, "detachedBdevs").map(detachedOf)],
    groups: [
      ...listIn(state, "portalGroups").map(groupOf("portal-group", "Portal group", portalsOf)),
      ...listIn(state, "initiatorGroups").map(groupOf("initiator-group", "Initiator group", initiatorsOf)),
      ...listIn(state, "authGroups").map(groupOf("auth-group", "Auth group", () => ""))
    ],
    settings: Object.entries(settings).map(([name, value]) => [name, fieldText(value)])
  }
}
