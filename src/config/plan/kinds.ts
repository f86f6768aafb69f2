/**
 * The kinds of objects that plans know: where each is in a model and in a state, what people call it, what it is
 * compared by, and how it goes.
 */
import type { AuthGroup } from "../../domain/auth/AuthGroup.ts"
import type { Bdev } from "../../domain/bdev/Bdev.ts"
import { nbdUri } from "../../domain/bdev/nbd-uri.ts"
import type { Command } from "../../domain/Command.ts"
import type { Event } from "../../domain/Event.ts"
import type { InitiatorGroup } from "../../domain/group/InitiatorGroup.ts"
import type { PortalGroup } from "../../domain/group/PortalGroup.ts"
import { iscsiNameKey } from "../../domain/ids.ts"
import type { IscsiOptions } from "../../domain/options/IscsiOptions.ts"
import type { LogOptions } from "../../domain/options/LogOptions.ts"
import {
  activeBdevsOf,
  activeLunsOf,
  activeTargetsOf,
  authGroupsOf,
  initiatorGroupsOf,
  portalGroupsOf,
  type State
} from "../../domain/State.ts"
import type { TargetNode } from "../../domain/target/TargetNode.ts"
import type { Aspect } from "./Aspect.ts"
import {
  authGroupAspects,
  bdevAspects,
  initiatorGroupAspects,
  logAspects,
  optionsAspects,
  portalGroupAspects,
  targetAspects
} from "./aspects.ts"
import type { IsThere, Model } from "./Model.ts"
import {
  bdevEventsOf,
  initiatorGroupEventsOf,
  portalGroupEventsOf,
  restoredInitiatorGroup,
  restoredTarget,
  targetEventsOf
} from "./object-events.ts"

/** What plans know of one kind of objects. `section` is its key in files and in `Model`. */
export interface Kind<A> {
  readonly section: keyof Model
  readonly objectsOf: (model: Model) => ReadonlyMap<string, A>
  /** Those that are active in a state. */
  readonly runningIn: (state: State) => ReadonlyMap<string, A>
  readonly withObjects: (model: Model, objects: ReadonlyMap<string, A>) => Model
  /** Such as `bdev Malloc0`. */
  readonly labelOf: (object: A) => string
  /** What one sees of a new one beside its name; may be empty. */
  readonly detailOf: (object: A) => string
  readonly aspects: ReadonlyArray<Aspect<A>>
  readonly incarnationOf: (object: A) => number
  /** Undefined: it is always there. */
  readonly deletionOf: ((object: A) => Command) | undefined
  /** Making it anew empties it. */
  readonly holdsData: (object: A) => boolean
  /** Events that make one; absent for what nothing but its own removal takes down. */
  readonly eventsOf?: (object: A) => ReadonlyArray<Event>
  /** With items that it has lost since it was `before`, as far as what they need is there; absent if it has none. */
  readonly restored?: (object: A | undefined, before: A, isThere: IsThere) => A
}

/** Key of the one entry of options. */
const optionsKey = "options"
/** The same of the event log's. */
const logKey = "log"

const byKey = <A>(objects: ReadonlyArray<A>, keyOf: (object: A) => string | number): ReadonlyMap<string, A> =>
  new Map(objects.map((object) => [String(keyOf(object)), object]))

const optionsKind: Kind<IscsiOptions> = {
  section: "options",
  objectsOf: ({ options }) => options,
  runningIn: ({ options }) => new Map([[optionsKey, options]]),
  withObjects: (model, options) => ({ ...model, options }),
  labelOf: () => "options",
  detailOf: () => "",
  aspects: optionsAspects,
  incarnationOf: () => 0,
  deletionOf: undefined,
  holdsData: () => false
}

const logKind: Kind<LogOptions> = {
  section: "log",
  objectsOf: ({ log }) => log,
  runningIn: ({ logOptions }) => new Map([[logKey, logOptions]]),
  withObjects: (model, log) => ({ ...model, log }),
  labelOf: () => "log",
  detailOf: () => "",
  aspects: logAspects,
  incarnationOf: () => 0,
  deletionOf: undefined,
  holdsData: () => false
}

const groupName = (name: string | undefined): string => (name === undefined ? "" : ` (${name})`)

const authGroupKind: Kind<AuthGroup> = {
  section: "authGroups",
  objectsOf: ({ authGroups }) => authGroups,
  runningIn: (state) => byKey(authGroupsOf(state), ({ tag }) => tag),
  withObjects: (model, authGroups) => ({ ...model, authGroups }),
  labelOf: ({ name, tag }) => `auth group ${tag}${groupName(name)}`,
  detailOf: ({ secrets }) => secrets.map(({ user }) => JSON.stringify(user)).join(", "),
  aspects: authGroupAspects,
  incarnationOf: ({ incarnation }) => incarnation,
  deletionOf: ({ tag }) => ({ _tag: "DeleteAuthGroup", tag }),
  holdsData: () => false
}

const sizeUnits = ["TiB", "GiB", "MiB", "KiB"] as const

/** In the largest unit that it is a whole number of. */
const sizeText = (bytes: number): string => {
  const index = sizeUnits.findIndex((_, at) => bytes % 1024 ** (sizeUnits.length - at) === 0)
  return index < 0 ? `${bytes} bytes` : `${bytes / 1024 ** (sizeUnits.length - index)} ${sizeUnits[index]}`
}

const bdevDetail = ({ spec }: Bdev): string => {
  const type = spec._tag.toLowerCase()
  if ("base" in spec) return `${type} on ${spec.base.name}`
  if (spec._tag === "Nbd") return `${type}, ${nbdUri({ ...spec, tls: spec.tls !== undefined })}`
  if (spec._tag === "Nvme") return `${type}, namespace ${spec.namespaceId} at ${spec.address}`
  return spec._tag === "Aio" ? `${type}, ${spec.filename}` : `${type}, ${sizeText(spec.blockCount * spec.blockSize)}`
}

const bdevKind: Kind<Bdev> = {
  section: "bdevs",
  objectsOf: ({ bdevs }) => bdevs,
  runningIn: (state) => byKey(activeBdevsOf(state), ({ name }) => name),
  withObjects: (model, bdevs) => ({ ...model, bdevs }),
  labelOf: ({ name }) => `bdev ${name}`,
  detailOf: bdevDetail,
  aspects: bdevAspects,
  incarnationOf: ({ incarnation }) => incarnation,
  deletionOf: ({ name }) => ({ _tag: "DeleteBdev", name }),
  holdsData: ({ spec }) => spec._tag === "Malloc" && spec.filename === undefined,
  eventsOf: bdevEventsOf
}

const portalGroupKind: Kind<PortalGroup> = {
  section: "portalGroups",
  objectsOf: ({ portalGroups }) => portalGroups,
  runningIn: (state) => byKey(portalGroupsOf(state), ({ tag }) => tag),
  withObjects: (model, portalGroups) => ({ ...model, portalGroups }),
  labelOf: ({ name, tag }) => `portal group ${tag}${groupName(name)}`,
  detailOf: ({ portals }) => portals.map(({ host, port }) => `${host}:${port}`).join(", "),
  aspects: portalGroupAspects,
  incarnationOf: ({ incarnation }) => incarnation,
  deletionOf: ({ tag }) => ({ _tag: "DeletePortalGroup", tag }),
  holdsData: () => false,
  eventsOf: portalGroupEventsOf
}

const initiatorGroupKind: Kind<InitiatorGroup> = {
  section: "initiatorGroups",
  objectsOf: ({ initiatorGroups }) => initiatorGroups,
  runningIn: (state) => byKey(initiatorGroupsOf(state), ({ tag }) => tag),
  withObjects: (model, initiatorGroups) => ({ ...model, initiatorGroups }),
  labelOf: ({ name, tag }) => `initiator group ${tag}${groupName(name)}`,
  detailOf: ({ initiators, netmasks }) => `${initiators.join(", ")} from ${netmasks.join(", ")}`,
  aspects: initiatorGroupAspects,
  incarnationOf: ({ incarnation }) => incarnation,
  deletionOf: ({ tag }) => ({ _tag: "DeleteInitiatorGroup", tag }),
  holdsData: () => false,
  eventsOf: initiatorGroupEventsOf,
  restored: restoredInitiatorGroup
}

const lunText = (target: TargetNode): string =>
  activeLunsOf(target)
    .slice(0, 4)
    .map(({ bdev, lun }) => `LUN ${lun} ${bdev.name}`)
    .join(", ")

const targetDetail = (target: TargetNode): string => {
  const more = activeLunsOf(target).length - 4
  return more > 0 ? `${lunText(target)} and ${more} more` : lunText(target)
}

const targetKind: Kind<TargetNode> = {
  section: "targets",
  objectsOf: ({ targets }) => targets,
  runningIn: (state) => byKey(activeTargetsOf(state), ({ name }) => iscsiNameKey(name)),
  withObjects: (model, targets) => ({ ...model, targets }),
  labelOf: ({ name }) => `target ${name}`,
  detailOf: targetDetail,
  aspects: targetAspects,
  incarnationOf: ({ incarnation }) => incarnation,
  deletionOf: ({ name }) => ({ _tag: "DeleteTargetNode", target: name }),
  holdsData: () => false,
  eventsOf: targetEventsOf,
  restored: restoredTarget
}

/** Visits all kinds in an order in which they can be created. */
export const forEachKind = (visit: <A>(kind: Kind<A>) => void): void => {
  visit(optionsKind)
  visit(logKind)
  visit(authGroupKind)
  visit(bdevKind)
  visit(portalGroupKind)
  visit(initiatorGroupKind)
  visit(targetKind)
}

const emptyModel: Model = {
  options: new Map(),
  log: new Map(),
  authGroups: new Map(),
  bdevs: new Map(),
  portalGroups: new Map(),
  initiatorGroups: new Map(),
  targets: new Map()
}

/** Sections that have one entry at any time, of which a file may say nothing. */
export type Singles = Readonly<Record<"options" | "log", boolean>>

/** Both of them. */
export const allSingles: Singles = { options: true, log: true }

/** All that is active in a state, without the single sections that are not asked for. */
export const modelOf = (state: State, singles = allSingles): Model => {
  let model = emptyModel
  forEachKind(<A>(kind: Kind<A>) => {
    const { section } = kind
    if ((section !== "options" && section !== "log") || singles[section]) {
      model = kind.withObjects(model, kind.runningIn(state))
    }
  })
  return model
}
