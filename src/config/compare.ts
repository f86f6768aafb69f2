/** What of an existing object differs from a declared one, in words. Only what cannot be changed in place is compared. */
import { Equal } from "effect"
import type { Bdev, BdevSpec } from "../domain/Bdev.ts"
import type { IscsiOptions } from "../domain/IscsiOptions.ts"
import { type PortalGroup, portalKey } from "../domain/PortalGroup.ts"
import type { TargetNode } from "../domain/TargetNode.ts"

/** Whether nothing has to be set. */
export const sameOptions = (now: IscsiOptions, wanted: IscsiOptions): boolean => Equal.equals(now, wanted)

const list = (values: ReadonlyArray<string>): string => (values.length === 0 ? "none" : values.join(", "))

/** Incarnations belong to a log, so bases are compared by name. */
const specText = (spec: BdevSpec): string =>
  Object.entries(spec)
    .filter(([name]) => name !== "_tag")
    .map(([name, value]) => `${name} ${typeof value === "object" ? value.name : value}`)
    .join(", ")

/** `is Malloc (…) and not Malloc (…)`. */
export const bdevDifference = (now: Bdev, wanted: Bdev): string | undefined => {
  const [before, after] = [now, wanted].map(({ spec }) => `${spec._tag} (${specText(spec)})`)
  if (before !== after) return `is ${before} and not ${after}`
  return now.uuid === wanted.uuid ? undefined : `has UUID ${now.uuid} and not ${wanted.uuid}`
}

/** Addresses in any order. */
export const portalGroupDifference = (now: PortalGroup, wanted: PortalGroup): string | undefined => {
  const [before, after] = [now, wanted].map(({ portals }) => portals.map(portalKey).sort().join(" "))
  if (before !== after) {
    const [listens, should] = [now, wanted].map(({ portals }) =>
      list(portals.map(({ host, port }) => `${host}:${port}`))
    )
    return `has ${listens} and not ${should}`
  }
  if (now.private !== wanted.private) return now.private ? "is private" : "is not private"
  return undefined
}

/** Alias, queue depth, CHAP and digests. */
export const targetDifference = (now: TargetNode, wanted: TargetNode): string | undefined => {
  const attributes = ({ alias, auth, dataDigest, headerDigest, queueDepth }: TargetNode) => ({
    alias: JSON.stringify(alias),
    queueDepth,
    headerDigest,
    dataDigest,
    ...auth
  })
  const before = attributes(now)
  const after = attributes(wanted)
  const differing = Object.entries(before).flatMap(([name, value]) => {
    const other = Object.entries(after).find(([candidate]) => candidate === name)?.[1]
    return value === other ? [] : [`${name} ${value} and not ${other}`]
  })
  return differing.length === 0 ? undefined : `has ${differing.join(", ")}`
}
