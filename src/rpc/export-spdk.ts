/**
 * The state as a file that SPDK loads: what `save_config` writes, without what only lunlog reads. Where leaving a part
 * out would give more access than there is, the whole thing is left out.
 */
import { Effect, HashMap } from "effect"
import type { Exported } from "../config/ExportFormat.ts"
import type { Bdev } from "../domain/bdev/Bdev.ts"
import { iscsiNameKey } from "../domain/ids.ts"
import { areDefaultLogOptions } from "../domain/options/LogOptions.ts"
import type { Secrets } from "../domain/Secrets.ts"
import {
  activeLunsOf,
  activeTargetsOf,
  authGroupsOf,
  bdevsOf,
  initiatorGroupsOf,
  nvmeControllersOf,
  portalGroupsOf,
  type State
} from "../domain/State.ts"
import { stackFrom } from "../domain/target/lun-removal.ts"
import { LUNS_PER_CREATE_MAX, type TargetNode } from "../domain/target/TargetNode.ts"
import { printJson } from "./json-print.ts"
import type { RpcError } from "./RpcError.ts"
import { type SavedCall, savedConfig, subsystemList } from "./saved-config.ts"

type Warn = (object: string, why: string) => void

/** The target as SPDK can have it; undefined if it cannot. */
const expressible = (target: TargetNode, warn: Warn): TargetNode | undefined => {
  const object = `target ${target.name}`
  const pgIgMaps = target.pgIgMaps.filter(({ initiatorGroup, luns, portalGroup, readOnly }) => {
    const isPlain = luns === undefined && readOnly !== true
    if (!isPlain) warn(object, `the map ${portalGroup}:${initiatorGroup} is left out: SPDK cannot narrow a map`)
    return isPlain
  })
  const hasLunZero = activeLunsOf(target)
    .slice(0, LUNS_PER_CREATE_MAX)
    .some(({ lun }) => lun === 0)
  const redirects = target.redirects.filter(({ portalGroup }) => {
    const isMapped = pgIgMaps.some((map) => map.portalGroup === portalGroup)
    if (!isMapped) warn(object, `the redirect over portal group ${portalGroup} is left out with its map`)
    return isMapped
  })
  if (pgIgMaps.length > 0 && hasLunZero) return { ...target, pgIgMaps, redirects }
  warn(object, `is left out: SPDK makes no target without ${hasLunZero ? "a map" : "LUN 0"}`)
  return undefined
}

/** The bdev without what is lunlog's own. */
const plainBdev = (bdev: Bdev, warn: Warn): Bdev => {
  const object = `bdev ${bdev.name}`
  const told = (key: string) => warn(object, `${key} is left out: SPDK has no such thing`)
  let { spec } = bdev
  if ("removable" in spec) {
    const { removable: _, ...rest } = spec
    told("removable")
    spec = rest
  }
  if (spec._tag === "Aio" && (spec.direct === true || spec.dsync === true)) {
    const { direct, dsync, ...rest } = spec
    // SPDK tries O_DIRECT first by itself.
    if (dsync === true) told("dsync")
    spec = rest
  }
  return { ...bdev, spec }
}

/** SPDK has no overlays: they go with what is stacked on them. */
const overlayStacks = (state: State, warn: Warn): ReadonlySet<string> => {
  const overlays = bdevsOf(state).filter(({ spec }) => spec._tag === "Overlay")
  const names = new Set<string>(overlays.flatMap((overlay) => stackFrom(state, overlay).map(({ name }) => name)))
  for (const name of names) warn(`bdev ${name}`, "is left out: SPDK has no overlays")
  return names
}

const withoutLuns = (target: TargetNode, leftOut: ReadonlySet<string>, warn: Warn): TargetNode => {
  for (const { bdev, lun } of activeLunsOf(target)) {
    if (leftOut.has(bdev.name)) warn(`target ${target.name}`, `LUN ${lun} is left out with bdev ${bdev.name}`)
  }
  return { ...target, luns: HashMap.filter(target.luns, ({ bdev }) => !leftOut.has(bdev.name)) }
}

/** What of the state SPDK can be told. */
const reduced = (state: State, withSecrets: boolean, warn: Warn): State => {
  const named = [
    ...portalGroupsOf(state).map(({ name, tag }) => ({ object: `portal group ${tag}`, name })),
    ...initiatorGroupsOf(state).map(({ name, tag }) => ({ object: `initiator group ${tag}`, name })),
    ...(withSecrets ? authGroupsOf(state) : []).map(({ name, tag }) => ({ object: `auth group ${tag}`, name }))
  ]
  for (const { name, object } of named) {
    if (name !== undefined) warn(object, `the name ${name} has no place in this format`)
  }
  if (!areDefaultLogOptions(state.logOptions)) warn("the event log", "its options have no place in this format")
  if (!withSecrets) {
    for (const { tag } of authGroupsOf(state)) {
      warn(`auth group ${tag}`, "is left out: this format has secrets in clear; --with-secrets writes them")
    }
  }
  for (const { listed, name } of nvmeControllersOf(state)) {
    if (listed) warn(`NVMe controller ${name}`, "SPDK makes disks of all its namespaces")
  }
  const leftOut = overlayStacks(state, warn)
  const targets = activeTargetsOf(state).flatMap(
    (target) => expressible(withoutLuns(target, leftOut, warn), warn) ?? []
  )
  return {
    ...state,
    nvme: {
      ...state.nvme,
      controllers: HashMap.map(state.nvme.controllers, (one) => ({ ...one, listed: false }))
    },
    bdevs: HashMap.map(
      HashMap.filter(state.bdevs, ({ name }) => !leftOut.has(name)),
      (bdev) => plainBdev(bdev, warn)
    ),
    authGroups: withSecrets ? state.authGroups : HashMap.empty(),
    targets: HashMap.fromIterable(targets.map((target) => [iscsiNameKey(target.name), target] as const))
  }
}

/** A call per line. */
const subsystemText = (name: string, calls: ReadonlyArray<SavedCall> | null): string => {
  const head = `    { "subsystem": ${printJson(name)}, "config": `
  if (calls === null) return `${head}null }`
  return calls.length === 0
    ? `${head}[] }`
    : `${head}[\n${calls.map((call) => `      ${printJson(call)}`).join(",\n")}\n    ] }`
}

/** The file, and what is not in it. */
export const exportSpdk = (state: State, withSecrets: boolean): Effect.Effect<Exported, RpcError, Secrets> =>
  Effect.gen(function* () {
    const warnings: Array<string> = []
    const told = reduced(state, withSecrets, (object, why) => warnings.push(`${object}: ${why}`))
    const subsystems = yield* Effect.forEach(subsystemList, ({ subsystem }) =>
      Effect.map(savedConfig(told, subsystem), (calls) => subsystemText(subsystem, calls ?? null))
    )
    return { text: `{\n  "subsystems": [\n${subsystems.join(",\n")}\n  ]\n}\n`, warnings }
  })
