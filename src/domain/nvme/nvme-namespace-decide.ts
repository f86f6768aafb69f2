/** The rules of one namespace that is a disk: what it is called, and that its controller is one and the same. */
import { HashMap, Result } from "effect"
import { type BdevRequest, type BdevSpec, BLOCK_SIZE_MAX } from "../bdev/BdevSpec.ts"
import { AlreadyExists, type DomainError, InvalidArgument, LimitExceeded } from "../DomainError.ts"
import { quote } from "../decision.ts"
import type { Event } from "../Event.ts"
import { isUuid } from "../ids.ts"
import { activeNvmeBdevsOf, detachedNvmeBdevsOf, findNvmeController, nvmeControllersOf, type State } from "../State.ts"
import { uuidV5 } from "../uuid-v5.ts"
import {
  isNvmeControllerName,
  NVME_CONTROLLER_NAME_LENGTH_MAX,
  NVME_CONTROLLERS_MAX,
  NVME_NAMESPACE_ID_MAX,
  type NvmeController,
  type NvmeControllerData,
  type NvmeControllerName,
  type NvmeNamespaceFound,
  pciAddressOf
} from "./NvmeController.ts"

type NvmeRequest = Extract<BdevRequest, { readonly _tag: "Nvme" }>

/** Namespace of the UUIDs of NVMe namespaces that have none of their own; made for this, and never changed. */
const wwidNamespace = "0b1c7b6e-5d0f-4a53-9c1e-3f7f2f9f6a10"

const unknownData: NvmeControllerData = {
  vendorId: "",
  modelNumber: "",
  serialNumber: "",
  firmwareRevision: "",
  subnqn: ""
}

/** A controller by its name and address in sysfs' form, or why it cannot be. */
export const parseNvmeController = (
  state: State,
  given: { readonly name: string; readonly address: string }
): Result.Result<{ readonly name: NvmeControllerName; readonly address: string }, DomainError> => {
  const { name } = given
  const object = `NVMe controller ${quote(name)}`
  const address = pciAddressOf(given.address)
  if (!isNvmeControllerName(name)) {
    const hint = `use 1 to ${NVME_CONTROLLER_NAME_LENGTH_MAX} printable characters without space and ":"`
    return Result.fail(new InvalidArgument({ object, reason: "has a name that cannot be used", hint }))
  }
  if (address === undefined) {
    const hint = "write it like 0000:01:00.0; lspci -D lists them"
    return Result.fail(new InvalidArgument({ object, reason: `has the PCI address ${quote(given.address)}`, hint }))
  }
  const known = findNvmeController(state, name)
  if (known !== undefined && known.address !== address) {
    const hint = `use another name, or detach it first`
    return Result.fail(new AlreadyExists({ object, reason: `exists, at ${known.address}`, hint }))
  }
  const other = nvmeControllersOf(state).find((one) => one.address === address && one.name !== name)
  if (other !== undefined) {
    const reason = `has the address ${address}, which is that of NVMe controller ${other.name}`
    return Result.fail(new AlreadyExists({ object, reason, hint: "detach that one first" }))
  }
  if (known === undefined && HashMap.size(state.nvme.controllers) >= NVME_CONTROLLERS_MAX) {
    const reason = `would be number ${NVME_CONTROLLERS_MAX + 1}`
    const hint = `at most ${NVME_CONTROLLERS_MAX} can be there`
    return Result.fail(new LimitExceeded({ object, reason, hint, limit: NVME_CONTROLLERS_MAX }))
  }
  return Result.succeed({ name, address })
}

const isPowerOfTwo = (size: number): boolean => Number.isInteger(Math.log2(size))

const geometryProblem = ({ blockCount, blockSize }: NvmeNamespaceFound): string | undefined => {
  if (!(blockSize >= 512 && blockSize <= BLOCK_SIZE_MAX && isPowerOfTwo(blockSize))) {
    return `has blocks of ${blockSize} bytes`
  }
  if (Number.isSafeInteger(blockCount) && blockCount > 0 && Number.isSafeInteger(blockCount * blockSize)) {
    return undefined
  }
  return `has ${blockCount} blocks`
}

/** `object` is for messages. A request without `found` is that of a plan: nobody has looked for it yet. */
export const parseNvmeSpec = (
  state: State,
  object: string,
  request: NvmeRequest
): Result.Result<BdevSpec, DomainError> => {
  const { controller, found, namespaceId, readOnly } = request
  if (!Number.isInteger(namespaceId) || namespaceId < 1 || namespaceId > NVME_NAMESPACE_ID_MAX) {
    const hint = `use 1 to ${NVME_NAMESPACE_ID_MAX}`
    return Result.fail(new InvalidArgument({ object, reason: `has the namespace id ${namespaceId}`, hint }))
  }
  const problem = found === undefined ? undefined : geometryProblem(found)
  if (problem !== undefined) {
    const hint = "format it with blocks of a power of two and without metadata (nvme format)"
    return Result.fail(new InvalidArgument({ object, reason: problem, hint }))
  }
  return Result.map(parseNvmeController(state, { name: controller, address: request.address }), (parsed) => ({
    _tag: "Nvme",
    controller: parsed.name,
    address: parsed.address,
    namespaceId,
    device: found?.device ?? "",
    blockCount: found?.blockCount ?? 0,
    blockSize: found?.blockSize ?? 0,
    readOnly,
    ...(found?.wwid === undefined ? {} : { wwid: found.wwid })
  }))
}

/** The UUID that a namespace brings along: the same wherever it is plugged in. Undefined if it has none. */
export const uuidOfNvme = ({ found }: NvmeRequest): string | undefined => {
  if (found?.uuid !== undefined && isUuid(found.uuid)) return found.uuid
  return found?.wwid === undefined || !isUuid(wwidNamespace) ? undefined : uuidV5(wwidNamespace, found.wwid)
}

/** A disk that is asked for by itself brings its controller with it. */
export const nvmeControllerOf = (
  state: State,
  spec: Extract<BdevSpec, { readonly _tag: "Nvme" }>,
  { found }: NvmeRequest
): ReadonlyArray<Event> => {
  const { address, controller: name } = spec
  if (findNvmeController(state, name) !== undefined) return []
  return [{ _tag: "NvmeControllerAttached", name, address, listed: true, data: found?.controller ?? unknownData }]
}

/** It is let go. */
export const nvmeControllerDetached = ({ incarnation, name }: NvmeController): Event => ({
  _tag: "NvmeControllerDetached",
  name,
  incarnation
})

/** A controller goes with the last of its disks that somebody lets go. */
export const nvmeControllerLetGo = (state: State, name: string): ReadonlyArray<Event> => {
  const controller = findNvmeController(state, name)
  const disks = activeNvmeBdevsOf(state, name).length + detachedNvmeBdevsOf(state, name).length
  return controller !== undefined && disks <= 1 ? [nvmeControllerDetached(controller)] : []
}
