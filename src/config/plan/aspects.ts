/**
 * The table of what configuration files can say of objects that exist, and how each of it is changed. Whoever gives an
 * object a new property adds a row here; merge, plan, drift and apply then know it.
 */
import { HashMap } from "effect"
import type { AuthGroup, AuthSecret } from "../../domain/auth/AuthGroup.ts"
import { type Bdev, type BdevHistogram, type BdevQos, noQos } from "../../domain/bdev/Bdev.ts"
import { type BdevSpec, isSizedByDevice } from "../../domain/bdev/BdevSpec.ts"
import type { Command } from "../../domain/Command.ts"
import type { GroupKind } from "../../domain/group/GroupName.ts"
import type { InitiatorGroup } from "../../domain/group/InitiatorGroup.ts"
import { type PortalGroup, portalKey } from "../../domain/group/PortalGroup.ts"
import { type GroupName, textKey } from "../../domain/ids.ts"
import type { IscsiOptions } from "../../domain/options/IscsiOptions.ts"
import type { LogOptions } from "../../domain/options/LogOptions.ts"
import { activeLunsOf } from "../../domain/State.ts"
import type { TargetNode } from "../../domain/target/TargetNode.ts"
import { type Aspect, type InPlace, isSame, listAspect, membersAspect, nothingToDo, valueAspect } from "./Aspect.ts"

const after = (...commands: ReadonlyArray<Command>): InPlace => ({ before: [], after: commands })

/** Options of the target as a whole are set as one. */
export const optionsAspects: ReadonlyArray<Aspect<IscsiOptions>> = [
  membersAspect<IscsiOptions, IscsiOptions>({
    field: "",
    get: (options) => options,
    set: (_, options) => options,
    inPlace: (_, options) => after({ _tag: "SetIscsiOptions", options })
  })
]

/** So are those of the event log. */
export const logAspects: ReadonlyArray<Aspect<LogOptions>> = [
  membersAspect<LogOptions, LogOptions>({
    field: "",
    get: (options) => options,
    set: (_, options) => options,
    inPlace: (_, options) => after({ _tag: "SetLogOptions", options })
  })
]

/** A null bdev can grow; everything else of a bdev is what it is. */
const resized = (from: Bdev, to: Bdev): InPlace | undefined => {
  if (from.spec._tag !== "Null" || to.spec._tag !== "Null" || to.spec.blockCount < from.spec.blockCount)
    return undefined
  const { blockCount, blockSize } = to.spec
  if (!isSame({ ...from.spec, blockCount }, to.spec)) return undefined
  return after({ _tag: "ResizeNullBdev", name: from.name, byteLength: blockCount * blockSize })
}

/** So do a delay bdev's latencies. */
const delayed = (from: Bdev, to: Bdev): InPlace | undefined => {
  if (from.spec._tag !== "Delay" || to.spec._tag !== "Delay") return undefined
  const { _tag, base, ...latencies } = to.spec
  if (!isSame(from.spec.base, base)) return undefined
  return after({ _tag: "SetBdevLatencies", name: from.name, ...latencies })
}

type FileSpec = Extract<BdevSpec, { readonly _tag: "Aio" }>

/** How large it was made says nothing of a file that is there, and a device has the blocks that it has. */
const fileAsDeclared = ({ blockCount: _, blockSize, createBytes: __, ...spec }: FileSpec): object =>
  spec.ownBlockSize === true ? spec : { ...spec, blockSize }

/** Without what the device decides: a file or an export is as large as it is, and so are parts of one. */
const asDeclared = (spec: BdevSpec): object => {
  if (spec._tag === "Aio") return fileAsDeclared(spec)
  if (spec._tag === "Split") return { ...spec, partBlocks: undefined }
  if (spec._tag !== "Nvme") return isSizedByDevice(spec) ? { ...spec, blockCount: undefined } : spec
  const { _tag, address, controller, namespaceId, readOnly } = spec
  return { _tag, address, controller, namespaceId, readOnly }
}

/** A namespace brings its own along, which a file need not know. */
const broughtAlong = ({ spec, uuidExplicit }: Bdev): boolean => spec._tag === "Nvme" && !uuidExplicit

/** Type, geometry, base, identity. */
export const bdevAspects: ReadonlyArray<Aspect<Bdev>> = [
  membersAspect<Bdev, BdevSpec>({
    field: "",
    get: ({ spec }) => spec,
    set: (bdev, spec) => ({ ...bdev, spec }),
    kindOf: ({ _tag }) => _tag.toLowerCase(),
    view: asDeclared,
    inPlace: (from, to) => resized(from, to) ?? delayed(from, to)
  }),
  membersAspect<Bdev, BdevQos>({
    field: "qos",
    get: ({ qos = noQos }) => qos,
    set: (bdev, qos) => ({ ...bdev, qos }),
    inPlace: (_, { name, qos = noQos }) => after({ _tag: "SetBdevQos", name, ...qos })
  }),
  valueAspect<Bdev, BdevHistogram | undefined>({
    field: "histogram",
    get: ({ histogram }) => histogram,
    set: ({ histogram: _, ...bdev }, histogram) => (histogram === undefined ? bdev : { ...bdev, histogram }),
    inPlace: (_, { histogram, name }) =>
      after({ _tag: "SetBdevHistogram", name, ...(histogram === undefined ? {} : { histogram }) })
  }),
  valueAspect<Bdev, Bdev["uuid"] | undefined>({
    field: "uuid",
    get: (bdev) => (broughtAlong(bdev) ? undefined : bdev.uuid),
    set: (bdev, uuid) => (uuid === undefined ? bdev : { ...bdev, uuid })
  })
]

interface Named {
  readonly tag: number
  readonly name?: GroupName
}

/** A name is taken away first: another group may be about to get it. */
const renamed =
  (kind: GroupKind) =>
  (from: Named, to: Named): InPlace => {
    const { tag } = from
    return {
      before: from.name === undefined ? [] : [{ _tag: "NameGroup", kind, tag }],
      after: to.name === undefined ? [] : [{ _tag: "NameGroup", kind, tag, name: to.name }]
    }
  }

/** Secrets are compared by their fingerprints. */
const secretValue = ({ mutual, secret }: AuthSecret): string =>
  mutual === undefined
    ? `secret ${secret.fingerprint}`
    : `secret ${secret.fingerprint}, mutual ${JSON.stringify(mutual.user)} ${mutual.secret.fingerprint}`

const secretRequest = ({ mutual, secret, user }: AuthSecret) => ({
  user,
  secret,
  ...(mutual === undefined ? {} : { muser: mutual.user, msecret: mutual.secret })
})

/** Name and secrets. */
export const authGroupAspects: ReadonlyArray<Aspect<AuthGroup>> = [
  valueAspect<AuthGroup, GroupName | undefined>({
    field: "name",
    get: ({ name }) => name,
    set: ({ name: _, ...group }, name) => (name === undefined ? group : { ...group, name }),
    inPlace: renamed("auth")
  }),
  listAspect<AuthGroup, AuthSecret>({
    nameOf: ({ user }) => `user ${JSON.stringify(user)}`,
    get: ({ secrets }) => secrets,
    set: (group, secrets) => ({ ...group, secrets }),
    keyOf: ({ user }) => user,
    contentOf: secretValue,
    shownOf: ({ mutual }) => (mutual === undefined ? "secret" : `secret, and one of ${JSON.stringify(mutual.user)}`),
    ordered: false,
    remove: ({ tag }, secrets) => secrets.map(({ user }) => ({ _tag: "RemoveAuthGroupSecret", tag, user })),
    add: ({ tag }, secrets) =>
      secrets.map((secret) => ({ _tag: "AddAuthGroupSecret", tag, secret: secretRequest(secret) }))
  })
]

/** Addresses in any order; who listens elsewhere is a new group. */
export const portalGroupAspects: ReadonlyArray<Aspect<PortalGroup>> = [
  valueAspect<PortalGroup, PortalGroup["portals"]>({
    field: "portals",
    get: ({ portals }) => portals,
    set: (group, portals) => ({ ...group, portals }),
    view: (portals) =>
      portals
        .toSorted((a, b) => (portalKey(a) < portalKey(b) ? -1 : 1))
        .map(({ host, port }) => `${host}:${port}`)
        .join(", ")
  }),
  valueAspect<PortalGroup, boolean>({
    field: "private",
    get: (group) => group.private,
    set: (group, isPrivate) => ({ ...group, private: isPrivate })
  }),
  valueAspect<PortalGroup, boolean>({
    field: "wait",
    get: ({ wait }) => wait,
    set: (group, wait) => ({ ...group, wait }),
    inPlace: ({ tag }, { wait }) => (wait ? undefined : after({ _tag: "StartPortalGroup", tag }))
  }),
  valueAspect<PortalGroup, PortalGroup["auth"]>({
    field: "auth",
    get: ({ auth }) => auth,
    set: (group, auth) => ({ ...group, auth }),
    inPlace: ({ tag }, { auth }) => after({ _tag: "SetPortalGroupAuth", tag, auth })
  }),
  valueAspect<PortalGroup, GroupName | undefined>({
    field: "name",
    get: ({ name }) => name,
    set: ({ name: _, ...group }, name) => (name === undefined ? group : { ...group, name }),
    inPlace: renamed("portal")
  })
]

const memberChange = ({ tag }: InitiatorGroup, initiators: ReadonlyArray<string>, netmasks: ReadonlyArray<string>) => ({
  tag,
  initiators,
  netmasks
})

/** The first name that matches decides, so the order of names counts. */
export const initiatorGroupAspects: ReadonlyArray<Aspect<InitiatorGroup>> = [
  listAspect<InitiatorGroup, InitiatorGroup["initiators"][number]>({
    nameOf: (initiator) => `initiator ${initiator}`,
    get: ({ initiators }) => initiators,
    set: (group, initiators) => ({ ...group, initiators }),
    keyOf: textKey,
    ordered: true,
    remove: (group, names) => [{ _tag: "RemoveInitiatorGroupMembers", ...memberChange(group, names, []) }],
    add: (group, names) => [{ _tag: "AddInitiatorGroupMembers", ...memberChange(group, names, []) }]
  }),
  listAspect<InitiatorGroup, InitiatorGroup["netmasks"][number]>({
    nameOf: (netmask) => `netmask ${netmask}`,
    get: ({ netmasks }) => netmasks,
    set: (group, netmasks) => ({ ...group, netmasks }),
    keyOf: textKey,
    ordered: true,
    remove: (group, netmasks) => [{ _tag: "RemoveInitiatorGroupMembers", ...memberChange(group, [], netmasks) }],
    add: (group, netmasks) => [{ _tag: "AddInitiatorGroupMembers", ...memberChange(group, [], netmasks) }]
  }),
  valueAspect<InitiatorGroup, GroupName | undefined>({
    field: "name",
    get: ({ name }) => name,
    set: ({ name: _, ...group }, name) => (name === undefined ? group : { ...group, name }),
    inPlace: renamed("initiator")
  })
]

const fixed = <K extends "alias" | "queueDepth" | "headerDigest" | "dataDigest">(field: K): Aspect<TargetNode> =>
  valueAspect<TargetNode, TargetNode[K]>({
    field,
    get: (target) => target[field],
    set: (target, value) => ({ ...target, [field]: value })
  })

type Maps = TargetNode["pgIgMaps"]

/** As targets have them. */
const groupedByPortalGroup = (maps: Maps): Maps => {
  const tags = [...new Set(maps.map(({ portalGroup }) => portalGroup))]
  return tags.flatMap((tag) => maps.filter(({ portalGroup }) => portalGroup === tag))
}

const redirectsAspect = listAspect<TargetNode, TargetNode["redirects"][number]>({
  nameOf: ({ portalGroup }) => `redirect over portal group ${portalGroup}`,
  get: ({ redirects }) => redirects,
  set: (target, redirects) => ({ ...target, redirects }),
  keyOf: ({ portalGroup }) => String(portalGroup),
  contentOf: ({ host, permanent, port }) => `${host}:${port}${permanent ? " for good" : ""}`,
  ordered: false,
  remove: ({ name: target }, redirects) =>
    redirects.map(({ portalGroup }) => ({ _tag: "SetTargetNodeRedirect", target, portalGroup })),
  add: ({ name: target }, redirects) =>
    redirects.map((redirect) => ({ _tag: "SetTargetNodeRedirect", target, ...redirect }))
})

const lunsAspect = listAspect<TargetNode, ReturnType<typeof activeLunsOf>[number]>({
  nameOf: ({ lun }) => `LUN ${lun}`,
  get: activeLunsOf,
  set: (target, luns) => ({ ...target, luns: HashMap.fromIterable(luns.map((mapping) => [mapping.lun, mapping])) }),
  keyOf: ({ lun }) => String(lun),
  contentOf: ({ bdev }) => bdev.name,
  ordered: false,
  incarnationOf: ({ incarnation }) => incarnation,
  remove: ({ name: target }, luns) => luns.map(({ lun }) => ({ _tag: "RemoveLun", target, lun })),
  add: ({ name: target }, luns) => luns.map(({ bdev, lun }) => ({ _tag: "AddLun", target, bdev: bdev.name, lun }))
})

/** What a map gives. */
const mapAccessText = ({ luns, readOnly }: TargetNode["pgIgMaps"][number]): string => {
  const which = luns === undefined ? "all LUNs" : `${luns.length === 1 ? "LUN" : "LUNs"} ${luns.join(", ")}`
  return readOnly === true ? `${which}, read-only` : which
}

/** Alias, queue depth and digests are a target's for its life. */
export const targetAspects: ReadonlyArray<Aspect<TargetNode>> = [
  fixed("alias"),
  fixed("queueDepth"),
  fixed("headerDigest"),
  fixed("dataDigest"),
  valueAspect<TargetNode, TargetNode["auth"]>({
    field: "auth",
    get: ({ auth }) => auth,
    set: (target, auth) => ({ ...target, auth }),
    inPlace: ({ name: target }, { auth }) => after({ _tag: "SetTargetNodeAuth", target, auth })
  }),
  listAspect<TargetNode, TargetNode["pgIgMaps"][number]>({
    nameOf: ({ initiatorGroup, portalGroup }) => `map ${portalGroup}:${initiatorGroup}`,
    get: ({ pgIgMaps }) => pgIgMaps,
    set: (target, pgIgMaps) => ({ ...target, pgIgMaps: groupedByPortalGroup(pgIgMaps) }),
    keyOf: ({ initiatorGroup, portalGroup }) => `${portalGroup}:${initiatorGroup}`,
    contentOf: mapAccessText,
    ordered: true,
    change: ({ name: target }, map) => ({ _tag: "SetTargetNodeMapAccess", target, ...map }),
    remove: ({ name: target }, maps) => [{ _tag: "RemovePgIgMaps", target, maps }],
    add: ({ name: target }, maps) => [{ _tag: "AddPgIgMaps", target, maps }]
  }),
  redirectsAspect,
  valueAspect<TargetNode, boolean>({
    field: "histogram",
    get: ({ histogram }) => histogram,
    set: (target, histogram) => ({ ...target, histogram }),
    inPlace: ({ name: target }, { histogram: enabled }) => after({ _tag: "SetTargetNodeHistogram", target, enabled })
  }),
  lunsAspect
]

/** All of an object. */
export const mergeAspects = <A>(
  aspects: ReadonlyArray<Aspect<A>>,
  base: A | undefined,
  wanted: A,
  now: A,
  rules: Parameters<Aspect<A>["merge"]>[3]
): A => aspects.reduce((into, aspect) => aspect.merge(base, wanted, now, rules, into), now)

/** How one becomes the other: undefined if it has to be made anew. */
export const inPlaceChanges = <A>(aspects: ReadonlyArray<Aspect<A>>, from: A, to: A): InPlace | undefined => {
  let all = nothingToDo
  if (from === to) return all
  for (const aspect of aspects) {
    if (aspect.changes(from, to).length === 0) continue
    const own = aspect.inPlace(from, to)
    if (own === undefined) return undefined
    all = { before: [...all.before, ...own.before], after: [...all.after, ...own.after] }
  }
  return all
}
