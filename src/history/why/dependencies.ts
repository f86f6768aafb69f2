/** What a thing depends on, by the state in which it was. */
import { Effect } from "effect"
import type { LogArchiveShape } from "../../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../../eventlog/reading.ts"
import { baseOf } from "../../domain/bdev/bdev-evolve.ts"
import { indexGet } from "../../domain/multi-index.ts"
import {
  findAuthGroup,
  findBdev,
  findInitiatorGroup,
  findLun,
  findPortalGroup,
  findTarget,
  type State
} from "../../domain/State.ts"
import type { TargetNode } from "../../domain/target/TargetNode.ts"
import { recordAt } from "../causality/CausalNode.ts"
import { memberOf } from "../describe/words.ts"
import type { LogObject } from "../LogObject.ts"
import type { Life } from "./lives.ts"

/** Another thing, from the record on that created it. */
export interface Dependency {
  readonly object: LogObject
  /** What it is to the one that is asked about. */
  readonly role: string
  readonly from: number
}

/** Things of one kind; a target may have hundreds of maps. */
const kindMax = 16

const bdevAndBelow = (state: State, name: string, role: string): ReadonlyArray<Dependency> => {
  const found: Array<Dependency> = []
  let bdev = findBdev(state, name)
  let called = role
  while (bdev !== undefined && found.length < kindMax) {
    found.push({ object: { _tag: "Bdev", name: bdev.name }, role: called, from: bdev.incarnation })
    called = "the bdev below that"
    bdev = findBdev(state, baseOf(bdev)?.name ?? "")
  }
  return found
}

/** The groups that decide who logs in; only over one portal group, if it is named. */
const groupsOf = (state: State, target: TargetNode, over?: number): ReadonlyArray<Dependency> => {
  const maps = target.pgIgMaps.filter(({ portalGroup }) => over === undefined || portalGroup === over)
  const portals = [...new Set(maps.map(({ portalGroup }) => portalGroup))].slice(0, kindMax)
  const initiators = [...new Set(maps.map(({ initiatorGroup }) => initiatorGroup))].slice(0, kindMax)
  const secrets = target.auth.chapGroup === 0 ? [] : [target.auth.chapGroup]
  return [
    ...portals.map((tag) => {
      const from = findPortalGroup(state, tag)?.incarnation ?? 1
      return { object: { _tag: "PortalGroup", tag } as const, role: "where it is reached", from }
    }),
    ...initiators.map((tag) => {
      const from = findInitiatorGroup(state, tag)?.incarnation ?? 1
      return { object: { _tag: "InitiatorGroup", tag } as const, role: "who is let in", from }
    }),
    ...secrets.map((tag) => {
      const from = findAuthGroup(state, tag)?.incarnation ?? 1
      return { object: { _tag: "AuthGroup", tag } as const, role: "with which secrets", from }
    })
  ]
}

const targetAndGroups = (state: State, name: string, over?: number): ReadonlyArray<Dependency> => {
  const target = findTarget(state, name)
  if (target === undefined) return []
  const own = { object: { _tag: "Target", name: target.name } as const, role: "its target", from: target.incarnation }
  return [own, ...groupsOf(state, target, over)]
}

const ofLun = (state: State, { lun, target }: Extract<LogObject, { readonly _tag: "Lun" }>) => {
  const node = findTarget(state, target)
  const mapping = node === undefined ? undefined : findLun(node, lun)
  const bdev = mapping === undefined ? [] : bdevAndBelow(state, mapping.bdev.name, "its bdev")
  return [...bdev, ...targetAndGroups(state, target)]
}

const ofBdev = (state: State, name: string): ReadonlyArray<Dependency> => {
  const luns = indexGet(state.indexes.mappings, name).slice(0, kindMax)
  const above = indexGet(state.indexes.dependents, name).slice(0, kindMax)
  return [
    ...bdevAndBelow(state, name, "itself").slice(1),
    ...above.map((other) => {
      const from = findBdev(state, other)?.incarnation ?? 1
      return { object: { _tag: "Bdev", name: other } as const, role: "stacked on it", from }
    }),
    ...luns.flatMap(({ lun, targetKey }) => {
      const target = findTarget(state, targetKey)
      const from = target === undefined ? undefined : findLun(target, lun)?.incarnation
      if (target === undefined || from === undefined) return []
      return [{ object: { _tag: "Lun", target: target.name, lun } as const, role: "used as", from }]
    })
  ]
}

/** A session has nothing in the state: its login says where it went. */
const ofSession = (
  log: LogArchiveShape,
  state: State,
  life: Life
): Effect.Effect<ReadonlyArray<Dependency>, LogReadFailed> =>
  Effect.map(recordAt(log, life.from), (login) => {
    const [target, group] = [memberOf(login?.payload, "targetName"), memberOf(login?.payload, "portalGroupTag")]
    if (typeof target !== "string") return []
    return targetAndGroups(state, target, typeof group === "number" ? group : undefined)
  })

/** What `object` depends on in `state`. */
export const dependenciesOf = (
  log: LogArchiveShape,
  state: State,
  object: LogObject,
  life: Life
): Effect.Effect<ReadonlyArray<Dependency>, LogReadFailed> => {
  switch (object._tag) {
    case "Lun":
      return Effect.succeed(ofLun(state, object))
    case "Bdev":
      return Effect.succeed(ofBdev(state, object.name))
    case "Target":
      return Effect.succeed(targetAndGroups(state, object.name).slice(1))
    case "Session":
      return ofSession(log, state, life)
    default:
      return Effect.succeed([])
  }
}
