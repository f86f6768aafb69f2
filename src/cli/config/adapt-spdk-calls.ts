/**
 * Calls of an SPDK configuration that lunlog could only make in part, as that part: a disk without nowait, a target
 * without the LUNs whose disks cannot be made. A file that is served refuses them; one that is converted loses less.
 */
import { deviceFolder } from "../../config/native/commands.ts"
import { JsonObject, JsonText, type JsonValue } from "../../rpc/json-value.ts"
import type { SpdkConfigCall } from "../../rpc/SpdkConfigFile.ts"

/** Calls, and what they have lost. */
export interface Adapted {
  readonly calls: ReadonlyArray<SpdkConfigCall>
  readonly warnings: ReadonlyArray<string>
}

const memberOf = (object: JsonValue | undefined, name: string): JsonValue | undefined =>
  object instanceof JsonObject ? object.members.find(([key]) => key === name)?.[1] : undefined

const textOf = (object: JsonValue | undefined, name: string): string | undefined => {
  const value = memberOf(object, name)
  return value instanceof JsonText ? value.value : undefined
}

/** With one member replaced; it comes last. */
const withMember = (object: JsonObject, name: string, value: JsonValue): JsonObject =>
  new JsonObject([...object.members.filter(([key]) => key !== name), [name, value]])

const adaptedBy = (
  calls: ReadonlyArray<SpdkConfigCall>,
  methods: ReadonlyArray<string>,
  adapt: (params: JsonObject, warn: (why: string) => void) => JsonObject | undefined
): Adapted => {
  const warnings: Array<string> = []
  const adapted = calls.flatMap((call) => {
    const { method, params, place } = call
    if (!methods.includes(method) || !(params instanceof JsonObject)) return [call]
    const now = adapt(params, (why) => warnings.push(`${place} ${method}: ${why}`))
    return now === undefined ? [] : [{ ...call, params: now }]
  })
  return { calls: adapted, warnings }
}

/** Disks in files without what only devices have. */
export const adaptDisks = (calls: ReadonlyArray<SpdkConfigCall>): Adapted =>
  adaptedBy(calls, ["bdev_aio_create", "construct_aio_bdev"], (params, warn) => {
    const isDevice = (textOf(params, "filename") ?? "").startsWith(deviceFolder)
    if (memberOf(params, "nowait") !== true || isDevice) return params
    warn("nowait is left out: only block devices have it")
    return withMember(params, "nowait", false)
  })

/** Targets with the LUNs whose bdevs there are. */
export const adaptTargets = (calls: ReadonlyArray<SpdkConfigCall>, hasBdev: (name: string) => boolean): Adapted =>
  adaptedBy(calls, ["iscsi_create_target_node", "construct_target_node"], (params, warn) => {
    const luns = memberOf(params, "luns")
    if (!Array.isArray(luns)) return params
    const kept = luns.filter((lun: JsonValue) => {
      const bdev = textOf(lun, "bdev_name")
      if (bdev === undefined || hasBdev(bdev)) return true
      warn(`the LUN of bdev ${bdev} is left out: it was not made`)
      return false
    })
    return kept.length === luns.length
      ? params
      : withMember(withMember(params, "luns", kept), "require_lun_zero", false)
  })
