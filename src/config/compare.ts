/**
 * What of an existing object differs from a declared one, in words. Only what cannot be changed in place is compared.
 */
import { Equal } from "effect"
import type { Bdev, BdevSpec } from "../domain/Bdev.ts"
import type { Command } from "../domain/Command.ts"
import type { IscsiOptions } from "../domain/IscsiOptions.ts"
import { type PortalGroup, portalKey } from "../domain/PortalGroup.ts"
import type { TargetNode } from "../domain/TargetNode.ts"

/** Whether nothing has to be set. */
export const sameOptions = (now: IscsiOptions, wanted: IscsiOptions): boolean => Equal.equals(now, wanted)

const list = (values: ReadonlyArray<string>): string => (values.length === 0 ? "none" : values.join(", "))

/** What two flat objects differ in: `size 1 and not 2, name a and not b`. */
const differences = (now: object, wanted: object): string | undefined => {
  const others: ReadonlyMap<string, unknown> = new Map(Object.entries(wanted))
  const found = Object.entries(now).flatMap(([name, value]: [string, unknown]) =>
    value === others.get(name) ? [] : [`${name} ${value} and not ${others.get(name)}`]
  )
  return found.length === 0 ? undefined : found.join(", ")
}

/** Incarnations belong to a log, so bases are compared by name; the size of a file is the file's to say. */
const flatSpec = (spec: BdevSpec): object => {
  if ("base" in spec) return { ...spec, base: spec.base.name }
  return spec._tag === "Aio" ? { ...spec, blockCount: 0 } : spec
}

/** Type, geometry, base, identity. */
export const bdevDifference = (now: Bdev, wanted: Bdev): string | undefined => {
  if (now.spec._tag !== wanted.spec._tag) return `is of type ${now.spec._tag} and not ${wanted.spec._tag}`
  const different = differences(
    { ...flatSpec(now.spec), uuid: now.uuid },
    { ...flatSpec(wanted.spec), uuid: wanted.uuid }
  )
  return different === undefined ? undefined : `has ${different}`
}

/** What makes one bdev another, if that is all the difference: a null bdev that grows, latencies of a delay bdev. */
export const bdevChanges = (now: Bdev, wanted: Bdev): ReadonlyArray<Command> => {
  const { spec } = wanted
  if (now.spec._tag === "Null" && spec._tag === "Null" && now.spec.blockCount < spec.blockCount) {
    const grown: Bdev = { ...now, spec: { ...now.spec, blockCount: spec.blockCount } }
    if (bdevDifference(grown, wanted) !== undefined) return []
    return [{ _tag: "ResizeNullBdev", name: now.name, byteLength: spec.blockCount * spec.blockSize }]
  }
  if (now.spec._tag !== "Delay" || spec._tag !== "Delay") return []
  const { averageReadMicros, averageWriteMicros, p99ReadMicros, p99WriteMicros } = spec
  const latencies = { averageReadMicros, p99ReadMicros, averageWriteMicros, p99WriteMicros }
  const isSame = bdevDifference(now, wanted) === undefined
  const changed: Bdev = { ...now, spec: { ...now.spec, ...latencies } }
  if (isSame || bdevDifference(changed, wanted) !== undefined) return []
  return [{ _tag: "SetBdevLatencies", name: now.name, ...latencies }]
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
  const different = differences(attributes(now), attributes(wanted))
  return different === undefined ? undefined : `has ${different}`
}
