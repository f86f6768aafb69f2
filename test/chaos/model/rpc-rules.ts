/**
 * How requests must be answered, given what is there: the codes with which one may be refused, none if it must succeed;
 * and which record, exactly one, a success leaves in the log. From `docs/rpc.md`, not from the product's code.
 */
import type { RpcParams } from "../../support/rpc-client.ts"
import { errorName, partNames } from "../names.ts"
import type { BdevThere, There } from "./ControlModel.ts"

/** A request. */
export interface Request {
  readonly method: string
  readonly params: RpcParams
}

const errno = { ENOENT: -2, EBUSY: -16, EEXIST: -17, ENODEV: -19, EINVAL: -22 } as const
const invalidParameters = -32602

type Codes = ReadonlyArray<number>
type Rule = (there: There, params: RpcParams) => Codes

const text = (value: unknown): string => String(value ?? "")

const isThere = (there: There, name: string): boolean => there.bdevs.get(name)?.isGoing === false

const bdevNameIsFree = (there: There, name: string): Codes => {
  const holder = there.bdevs.get(name)
  if (holder === undefined) return []
  return [holder.isGoing ? errno.EBUSY : errno.EEXIST]
}

const bdevIsThere =
  (kind?: string, key = "name"): Rule =>
  (there, params) => {
    const bdev = there.bdevs.get(text(params[key]))
    const isWrongKind = kind !== undefined && bdev?.kind !== kind
    return bdev === undefined || bdev.isGoing || isWrongKind ? [errno.ENODEV] : []
  }

const baseIsThere = (there: There, base: unknown): Codes => (isThere(there, text(base)) ? [] : [errno.ENODEV])

/** Two that write to one file are one too many; those that only read share it. */
const fileIsFree = (there: There, { filename, readonly }: RpcParams): Codes => {
  const users = [...there.bdevs.values()].filter((bdev: BdevThere) => bdev.filename === filename)
  return users.length > 0 && !(readonly === true && users.every(({ isReadOnly }) => isReadOnly)) ? [errno.EBUSY] : []
}

/** Parts that others are stacked right on a bdev as, also those that are on their way out. */
const partsOf = (there: There, name: string): ReadonlyArray<BdevThere> =>
  [...there.bdevs.values()].filter(({ base, kind }) => base === name && kind === "Split")

/** What is cut into parts belongs to these: whoever writes to it by another way is one too many. */
const isCut = (there: There, name: string): boolean => {
  let by: BdevThere | undefined
  for (let at = there.bdevs.get(name); at !== undefined; at = there.bdevs.get(at.base ?? "")) {
    if (by?.kind !== "Split" && partsOf(there, at.name).length > 0) return true
    by = at
  }
  return false
}

const mayBeLun = (there: There, name: string): Codes => (isCut(there, name) ? [errno.EBUSY] : [])

const hasLun = (there: There, name: string): boolean =>
  [...there.targets.values()].some(({ luns }) => [...luns.values()].some(({ bdev }) => bdev === name))

/** Initiators write to it: by a LUN of its own, or of what is stacked on it but for the parts beside `by`. */
const isWritten = (there: There, name: string, by: BdevThere | undefined): boolean =>
  hasLun(there, name) ||
  [...there.bdevs.values()].some((above) => {
    const isOtherPart = by?.kind === "Split" && above.kind === "Split" && above.name !== by.name
    return above.base === name && !isOtherPart && isWritten(there, above.name, undefined)
  })

const isWrittenBelow = (there: There, name: string): boolean => {
  let by: BdevThere | undefined
  for (let at = there.bdevs.get(name); at !== undefined; at = there.bdevs.get(at.base ?? "")) {
    if (isWritten(there, at.name, by)) return true
    by = at
  }
  return false
}

const split: Rule = (there, { base_bdev }) => {
  const base = text(base_bdev)
  const isTaken = partNames(base).some((part) => there.bdevs.has(part))
  return isThere(there, base) && !isTaken && !isWrittenBelow(there, base) ? [] : [invalidParameters]
}

const unsplit: Rule = (there, { base_bdev }) => {
  const base = text(base_bdev)
  const parts = partsOf(there, base).filter(({ isGoing }) => !isGoing)
  return isThere(there, base) && parts.length > 0 ? [] : [invalidParameters]
}

const targetIsThere = (there: There, name: unknown, missing: number): Codes => {
  const target = there.targets.get(text(name))
  return target === undefined || target.isGoing ? [missing] : []
}

const groupsAreThere = (there: There, maps: unknown): Codes => {
  if (!Array.isArray(maps)) return [invalidParameters]
  const all = maps.every(({ ig_tag, pg_tag }) => there.portalGroups.has(pg_tag) && there.initiatorGroups.has(ig_tag))
  return all ? [] : [invalidParameters]
}

const createTarget: Rule = (there, { luns, name, pg_ig_maps }) => {
  const holder = there.targets.get(text(name))
  const taken = holder === undefined ? [] : [holder.isGoing ? errno.EBUSY : invalidParameters]
  const bdevs = Array.isArray(luns) ? luns.map((lun) => text(lun.bdev_name)) : []
  const missing = bdevs.every((bdev) => isThere(there, bdev)) ? [] : [invalidParameters]
  const cut = bdevs.flatMap((bdev) => mayBeLun(there, bdev))
  return [...taken, ...missing, ...cut, ...groupsAreThere(there, pg_ig_maps)]
}

const addLun: Rule = (there, { bdev_name, lun_id, name }) => {
  const lun = there.targets.get(text(name))?.luns.get(Number(lun_id))
  const taken = lun === undefined ? [] : [lun.isGoing ? errno.EBUSY : invalidParameters]
  const bdev = isThere(there, text(bdev_name)) ? [] : [invalidParameters]
  return [...targetIsThere(there, name, invalidParameters), ...taken, ...bdev, ...mayBeLun(there, text(bdev_name))]
}

const removeLun: Rule = (there, { lun_id, name }) => {
  const lun = there.targets.get(text(name))?.luns.get(Number(lun_id))
  const missing = lun === undefined || lun.isGoing ? [errno.ENODEV] : []
  return [...targetIsThere(there, name, errno.ENODEV), ...missing]
}

const mapTexts = (maps: unknown): ReadonlyArray<string> =>
  Array.isArray(maps) ? maps.map(({ ig_tag, pg_tag }) => `${pg_tag}:${ig_tag}`) : []

const addMaps: Rule = (there, { name, pg_ig_maps }) => {
  const present = there.targets.get(text(name))?.maps ?? []
  const twice = mapTexts(pg_ig_maps).some((map) => present.includes(map)) ? [invalidParameters] : []
  return [...targetIsThere(there, name, invalidParameters), ...twice, ...groupsAreThere(there, pg_ig_maps)]
}

const removeMaps: Rule = (there, { name, pg_ig_maps }) => {
  const present = there.targets.get(text(name))?.maps ?? []
  const missing = mapTexts(pg_ig_maps).every((map) => present.includes(map)) ? [] : [invalidParameters]
  return [...targetIsThere(there, name, invalidParameters), ...missing]
}

const createPortalGroup: Rule = (there, { portals, tag }) => {
  const wanted = Array.isArray(portals) ? portals.map(({ host, port }) => `${host}:${port}`) : []
  const used = [...there.portalGroups.values()].flat()
  const isFree = !there.portalGroups.has(Number(tag)) && !wanted.some((portal) => used.includes(portal))
  return isFree ? [] : [invalidParameters]
}

const resizeNull: Rule = (there, params) => {
  const missing = bdevIsThere("Null")(there, params)
  const blocks = Number(params["new_size"]) * 2048
  const shrinks = blocks < (there.bdevs.get(text(params["name"]))?.blocks ?? 0) ? [errno.EINVAL] : []
  return [...missing, ...shrinks]
}

/** Refusals by method; a method that is not here may be answered in any way. */
const refusals: Readonly<Record<string, Rule>> = {
  bdev_malloc_create: (there, { name }) => bdevNameIsFree(there, text(name)),
  bdev_null_create: (there, { name }) => bdevNameIsFree(there, text(name)),
  bdev_aio_create: (there, params) => [...bdevNameIsFree(there, text(params["name"])), ...fileIsFree(there, params)],
  bdev_delay_create: (there, { base_bdev_name, name }) => [
    ...bdevNameIsFree(there, text(name)),
    ...baseIsThere(there, base_bdev_name)
  ],
  bdev_error_create: (there, { base_name }) => [
    ...bdevNameIsFree(there, errorName(text(base_name))),
    ...baseIsThere(there, base_name)
  ],
  bdev_nbd_create: (there, { name }) => bdevNameIsFree(there, text(name)),
  bdev_nbd_delete: bdevIsThere("Nbd"),
  bdev_passthru_create: (there, { base_bdev_name, name }) => [
    ...bdevNameIsFree(there, text(name)),
    ...baseIsThere(there, base_bdev_name)
  ],
  bdev_split_create: split,
  bdev_split_delete: unsplit,
  bdev_passthru_delete: bdevIsThere("Passthru"),
  bdev_malloc_delete: bdevIsThere("Malloc"),
  bdev_null_delete: bdevIsThere("Null"),
  bdev_aio_delete: bdevIsThere("Aio"),
  bdev_delay_delete: bdevIsThere("Delay"),
  bdev_error_delete: bdevIsThere("Error"),
  bdev_null_resize: resizeNull,
  bdev_set_qos_limit: bdevIsThere(),
  bdev_error_inject_error: bdevIsThere("Error"),
  iscsi_create_target_node: createTarget,
  iscsi_delete_target_node: (there, { name }) => targetIsThere(there, name, errno.ENOENT),
  iscsi_target_node_add_lun: addLun,
  iscsi_target_node_remove_lun: removeLun,
  iscsi_target_node_add_pg_ig_maps: addMaps,
  iscsi_target_node_remove_pg_ig_maps: removeMaps,
  iscsi_create_portal_group: createPortalGroup,
  iscsi_delete_portal_group: (there, { tag }) => (there.portalGroups.has(Number(tag)) ? [] : [invalidParameters]),
  iscsi_create_initiator_group: (there, { tag }) => (there.initiatorGroups.has(Number(tag)) ? [invalidParameters] : []),
  iscsi_delete_initiator_group: (there, { tag }) => (there.initiatorGroups.has(Number(tag)) ? [] : [invalidParameters]),
  lunlog_set_log_options: () => []
}

/** Codes with which it may be refused when this is there; undefined if nothing is known of the method. */
export const refusalsOf = (there: There, { method, params }: Request): Codes | undefined =>
  refusals[method]?.(there, params)

/** The record that a method leaves, and the member of its payload that names what it is about. */
export interface Headline {
  readonly type: string
  readonly key: string
  readonly value: unknown
  /** A change to what is so already leaves nothing. */
  readonly mayBeLeftOut: boolean
}

const headlines: Readonly<Record<string, readonly [type: string, key: string, param: string]>> = {
  bdev_malloc_create: ["BdevCreated", "name", "name"],
  bdev_null_create: ["BdevCreated", "name", "name"],
  bdev_aio_create: ["BdevCreated", "name", "name"],
  bdev_delay_create: ["BdevCreated", "name", "name"],
  bdev_nbd_create: ["BdevCreated", "name", "name"],
  bdev_nbd_delete: ["BdevRemovalStarted", "name", "name"],
  bdev_passthru_create: ["BdevCreated", "name", "name"],
  bdev_passthru_delete: ["BdevRemovalStarted", "name", "name"],
  bdev_malloc_delete: ["BdevRemovalStarted", "name", "name"],
  bdev_null_delete: ["BdevRemovalStarted", "name", "name"],
  bdev_aio_delete: ["BdevRemovalStarted", "name", "name"],
  bdev_delay_delete: ["BdevRemovalStarted", "name", "name"],
  bdev_error_delete: ["BdevRemovalStarted", "name", "name"],
  bdev_error_inject_error: ["BdevErrorInjected", "name", "name"],
  iscsi_create_target_node: ["TargetNodeCreated", "name", "name"],
  iscsi_delete_target_node: ["TargetNodeDeletionStarted", "target", "name"],
  iscsi_target_node_add_lun: ["LunAdded", "target", "name"],
  iscsi_target_node_remove_lun: ["LunRemovalStarted", "target", "name"],
  iscsi_target_node_add_pg_ig_maps: ["TargetNodeMapsAdded", "target", "name"],
  iscsi_target_node_remove_pg_ig_maps: ["TargetNodeMapsRemoved", "target", "name"],
  iscsi_create_portal_group: ["PortalGroupCreated", "tag", "tag"],
  iscsi_delete_portal_group: ["PortalGroupDeleted", "tag", "tag"],
  iscsi_create_initiator_group: ["InitiatorGroupCreated", "tag", "tag"],
  iscsi_delete_initiator_group: ["InitiatorGroupDeleted", "tag", "tag"]
}

const optionalHeadlines: Readonly<Record<string, readonly [type: string, key: string, param: string]>> = {
  bdev_null_resize: ["BdevResized", "name", "name"],
  bdev_set_qos_limit: ["BdevQosSet", "name", "name"]
}

/** What a success of it leaves in the log; undefined if nothing is known of the method. */
export const headlineOf = ({ method, params }: Request): Headline | undefined => {
  if (method === "bdev_error_create") {
    const value = errorName(text(params["base_name"]))
    return { type: "BdevCreated", key: "name", value, mayBeLeftOut: false }
  }
  if (method === "bdev_split_create" || method === "bdev_split_delete") {
    const type = method === "bdev_split_create" ? "BdevCreated" : "BdevRemovalStarted"
    return { type, key: "name", value: partNames(text(params["base_bdev"]))[0], mayBeLeftOut: false }
  }
  const [type, key, param] = headlines[method] ?? optionalHeadlines[method] ?? []
  if (type === undefined || key === undefined || param === undefined) return undefined
  return { type, key, value: params[param], mayBeLeftOut: method in optionalHeadlines }
}
