/**
 * What there is, as the records of the log tell it: bdevs, targets, LUNs, groups. It knows which records may follow
 * which, from the documentation and not from the product's code, and says what is wrong with one that may not.
 */
import type { StoryRecord } from "../../support/initiator/log-story.ts"

/** A bdev. */
export interface BdevThere {
  readonly name: string
  readonly incarnation: number
  /** `Malloc`, `Aio` ... */
  readonly kind: string
  readonly base: string | undefined
  readonly filename: string | undefined
  readonly isReadOnly: boolean
  readonly blocks: number
  readonly isGoing: boolean
}

/** A LUN of a target. */
export interface LunThere {
  readonly incarnation: number
  readonly bdev: string
  readonly isGoing: boolean
}

/** A target. */
export interface TargetThere {
  readonly name: string
  readonly incarnation: number
  readonly isGoing: boolean
  readonly luns: ReadonlyMap<number, LunThere>
  /** `PORTAL GROUP:INITIATOR GROUP`. */
  readonly maps: ReadonlyArray<string>
}

/** All there is at one record. */
export interface There {
  readonly seq: number
  readonly bdevs: ReadonlyMap<string, BdevThere>
  readonly targets: ReadonlyMap<string, TargetThere>
  /** Tags, with addresses as `HOST:PORT`. */
  readonly portalGroups: ReadonlyMap<number, ReadonlyArray<string>>
  /** Tags, with patterns of initiators. */
  readonly initiatorGroups: ReadonlyMap<number, ReadonlyArray<string>>
}

/** Nothing is there. */
export const nothingThere: There = {
  seq: 0,
  bdevs: new Map(),
  targets: new Map(),
  portalGroups: new Map(),
  initiatorGroups: new Map()
}

/** What a record of the log makes of what is there, or what is wrong with it. */
export type Step = { readonly there: There; readonly wrong?: string }

type Payload = StoryRecord["payload"]

const text = (payload: Payload, key: string): string => String(payload[key] ?? "")
const number = (payload: Payload, key: string): number => Number(payload[key] ?? Number.NaN)

const record = (value: unknown): Payload =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {}

const list = (value: unknown): ReadonlyArray<Payload> => (Array.isArray(value) ? value.map(record) : [])

const withKey = <K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> => new Map(map).set(key, value)

const withoutKey = <K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> => {
  const rest = new Map(map)
  rest.delete(key)
  return rest
}

const mapText = (map: Payload): string => `${map["portalGroup"]}:${map["initiatorGroup"]}`

/** LUNs and stacked bdevs that a bdev has, in words. */
export const usersOf = (there: There, name: string): ReadonlyArray<string> => [
  ...[...there.bdevs.values()].filter(({ base }) => base === name).map((bdev) => `bdev ${bdev.name}`),
  ...[...there.targets.values()].flatMap((target) =>
    [...target.luns].filter(([, lun]) => lun.bdev === name).map(([id]) => `LUN ${id} of ${target.name}`)
  )
]

/** A rule of one type of record. */
type Rule = (there: There, payload: Payload, seq: number) => Step

const fails = (there: There, wrong: string): Step => ({ there, wrong })

const bdevRules: Readonly<Record<string, Rule>> = {
  BdevCreated: (there, payload, seq) => {
    const name = text(payload, "name")
    const spec = record(payload["spec"])
    const base = spec["base"] === undefined ? undefined : text(record(spec["base"]), "name")
    const below = base === undefined ? undefined : there.bdevs.get(base)
    if (there.bdevs.has(name)) return fails(there, `${name} is there already`)
    if (base !== undefined && (below === undefined || below.isGoing))
      return fails(there, `its base ${base} is not there`)
    const bdev: BdevThere = {
      name,
      incarnation: seq,
      kind: text(spec, "_tag"),
      base,
      filename: spec["filename"] === undefined ? undefined : text(spec, "filename"),
      isReadOnly: spec["readOnly"] === true || (below?.isReadOnly ?? false),
      blocks: Number(spec["blockCount"] ?? spec["partBlocks"] ?? below?.blocks ?? 0),
      isGoing: false
    }
    return { there: { ...there, bdevs: withKey(there.bdevs, name, bdev) } }
  },
  BdevRemovalStarted: (there, payload) => {
    const bdev = there.bdevs.get(text(payload, "name"))
    if (bdev === undefined || bdev.isGoing) return fails(there, "it is not there, or goes already")
    if (bdev.incarnation !== number(payload, "incarnation"))
      return fails(there, `it is incarnation ${bdev.incarnation}`)
    return { there: { ...there, bdevs: withKey(there.bdevs, bdev.name, { ...bdev, isGoing: true }) } }
  },
  BdevRemoved: (there, payload) => {
    const bdev = there.bdevs.get(text(payload, "name"))
    if (bdev === undefined || !bdev.isGoing) return fails(there, "it is not on its way out")
    const users = usersOf(there, bdev.name)
    if (users.length > 0) return fails(there, `it is still used by ${users.join(", ")}`)
    return { there: { ...there, bdevs: withoutKey(there.bdevs, bdev.name) } }
  },
  BdevResized: (there, payload) => {
    const bdev = there.bdevs.get(text(payload, "name"))
    if (bdev === undefined) return fails(there, "it is not there")
    const blocks = number(payload, "blockCount")
    return { there: { ...there, bdevs: withKey(there.bdevs, bdev.name, { ...bdev, blocks }) } }
  }
}

const changeTarget = (there: There, name: string, change: (target: TargetThere) => TargetThere | string): Step => {
  const target = there.targets.get(name)
  if (target === undefined) return fails(there, `there is no target ${name}`)
  const changed = change(target)
  if (typeof changed === "string") return fails(there, changed)
  return { there: { ...there, targets: withKey(there.targets, name, changed) } }
}

const targetRules: Readonly<Record<string, Rule>> = {
  TargetNodeCreated: (there, payload, seq) => {
    const name = text(payload, "name")
    if (there.targets.has(name)) return fails(there, "it is there already")
    const target = { name, incarnation: seq, isGoing: false, luns: new Map(), maps: [] }
    return { there: { ...there, targets: withKey(there.targets, name, target) } }
  },
  TargetNodeMapsAdded: (there, payload) =>
    changeTarget(there, text(payload, "target"), (target) => {
      const maps = list(payload["maps"])
      const without = maps.find(
        (map) =>
          !there.portalGroups.has(number(map, "portalGroup")) ||
          !there.initiatorGroups.has(number(map, "initiatorGroup"))
      )
      if (without !== undefined) return `a group of the map ${mapText(without)} is not there`
      return { ...target, maps: [...target.maps, ...maps.map(mapText)] }
    }),
  TargetNodeMapsRemoved: (there, payload) =>
    changeTarget(there, text(payload, "target"), (target) => {
      const gone = list(payload["maps"]).map(mapText)
      const unknown = gone.find((map) => !target.maps.includes(map))
      if (unknown !== undefined) return `it has no map ${unknown}`
      return { ...target, maps: target.maps.filter((map) => !gone.includes(map)) }
    }),
  TargetNodeDeletionStarted: (there, payload) =>
    changeTarget(there, text(payload, "target"), (target) =>
      target.isGoing ? "it goes already" : { ...target, isGoing: true }
    ),
  TargetNodeDeleted: (there, payload) => {
    const target = there.targets.get(text(payload, "target"))
    if (target === undefined) return fails(there, "it is not there")
    if (target.luns.size > 0) return fails(there, `it still has LUNs ${[...target.luns.keys()].join(", ")}`)
    return { there: { ...there, targets: withoutKey(there.targets, target.name) } }
  },
  LunAdded: (there, payload, seq) =>
    changeTarget(there, text(payload, "target"), (target) => {
      const lun = number(payload, "lun")
      const ref = record(payload["bdev"])
      const bdev = there.bdevs.get(text(ref, "name"))
      if (target.luns.has(lun)) return `LUN ${lun} is there already`
      if (target.isGoing) return "the target goes"
      if (bdev === undefined || bdev.isGoing) return `bdev ${text(ref, "name")} is not there`
      if (bdev.incarnation !== number(ref, "incarnation")) return `that bdev is incarnation ${bdev.incarnation}`
      return { ...target, luns: withKey(target.luns, lun, { incarnation: seq, bdev: bdev.name, isGoing: false }) }
    }),
  LunRemovalStarted: (there, payload) =>
    changeTarget(there, text(payload, "target"), (target) => {
      const id = number(payload, "lun")
      const lun = target.luns.get(id)
      if (lun === undefined || lun.isGoing) return `LUN ${id} is not there, or goes already`
      if (lun.incarnation !== number(payload, "incarnation")) return `LUN ${id} is incarnation ${lun.incarnation}`
      return { ...target, luns: withKey(target.luns, id, { ...lun, isGoing: true }) }
    }),
  LunRemoved: (there, payload) =>
    changeTarget(there, text(payload, "target"), (target) => {
      const id = number(payload, "lun")
      const lun = target.luns.get(id)
      if (lun === undefined) return `LUN ${id} is not there`
      if (!lun.isGoing && text(payload, "cause") !== "boot") return `LUN ${id} was not on its way out`
      return { ...target, luns: withoutKey(target.luns, id) }
    })
}

const groupRules: Readonly<Record<string, Rule>> = {
  PortalGroupCreated: (there, payload) => {
    const tag = number(payload, "tag")
    if (there.portalGroups.has(tag)) return fails(there, "it is there already")
    const portals = list(payload["portals"]).map((portal) => `${portal["host"]}:${portal["port"]}`)
    return { there: { ...there, portalGroups: withKey(there.portalGroups, tag, portals) } }
  },
  PortalGroupDeleted: (there, payload) => {
    const tag = number(payload, "tag")
    if (!there.portalGroups.has(tag)) return fails(there, "it is not there")
    const user = [...there.targets.values()].find(({ maps }) => maps.some((map) => map.startsWith(`${tag}:`)))
    if (user !== undefined) return fails(there, `${user.name} has a map to it`)
    return { there: { ...there, portalGroups: withoutKey(there.portalGroups, tag) } }
  },
  InitiatorGroupCreated: (there, payload) => {
    const tag = number(payload, "tag")
    if (there.initiatorGroups.has(tag)) return fails(there, "it is there already")
    const initiators = Array.isArray(payload["initiators"]) ? payload["initiators"].map(String) : []
    return { there: { ...there, initiatorGroups: withKey(there.initiatorGroups, tag, initiators) } }
  },
  InitiatorGroupDeleted: (there, payload) => {
    const tag = number(payload, "tag")
    if (!there.initiatorGroups.has(tag)) return fails(there, "it is not there")
    const user = [...there.targets.values()].find(({ maps }) => maps.some((map) => map.endsWith(`:${tag}`)))
    if (user !== undefined) return fails(there, `${user.name} has a map to it`)
    return { there: { ...there, initiatorGroups: withoutKey(there.initiatorGroups, tag) } }
  }
}

const rules: Readonly<Record<string, Rule>> = { ...bdevRules, ...targetRules, ...groupRules }

/** What is there after a record; records of other things change nothing here. */
export const follow = (before: There, { payload, seq, type }: StoryRecord): Step => {
  const there = { ...before, seq }
  const rule = rules[type]
  if (rule === undefined) return { there }
  const { there: after, wrong } = rule(there, payload, seq)
  return wrong === undefined ? { there: after } : { there: after, wrong: `record ${seq}, ${type}: ${wrong}` }
}
