/** The rules of NVMe controllers: what is attached, and what is let go. */
import { Equal, Result } from "effect"
import { decideCreateBdev } from "../bdev/bdev-decide.ts"
import type { CommandOf } from "../Command.ts"
import { AlreadyExists, InvalidArgument, LimitExceeded, NotFound } from "../DomainError.ts"
import { type Decision, type Draft, draftOn, quote, record } from "../decision.ts"
import { activeNvmeBdevsOf, detachedNvmeBdevsOf, findNvmeController, type State } from "../State.ts"
import { decideBdevRemoval } from "../target/lun-removal.ts"
import {
  defaultNvmeHotplug,
  NVME_HOTPLUG_PERIOD_MAX,
  NVME_NAMESPACES_MAX,
  type NvmeNamespaceFound,
  nvmeBdevName
} from "./NvmeController.ts"
import { nvmeControllerDetached, parseNvmeController } from "./nvme-namespace-decide.ts"

const nothing: Decision = Result.succeed([])

interface Namespace {
  readonly controller: string
  readonly address: string
  readonly namespaceId: number
  readonly found: NvmeNamespaceFound | undefined
}

const createNamespace = (draft: Draft, { address, controller, found, namespaceId }: Namespace): Decision => {
  const bdev = {
    _tag: "Nvme" as const,
    controller,
    address,
    namespaceId,
    readOnly: false,
    ...(found === undefined ? {} : { found })
  }
  const created = decideCreateBdev(draft.state, { _tag: "CreateBdev", bdev })
  if (Result.isSuccess(created)) for (const event of created.success) record(draft, event)
  return created
}

/** SPDK's name of the next controller that is plugged in; one that a user has taken is left out. */
export const nextHotName = (state: State): string => {
  let number = state.nvme.nextHotNumber
  while (findNvmeController(state, `HotInNvme${number}`) !== undefined) number++
  return `HotInNvme${number}`
}

/** N of a name that is the next automatic one, or one that is yet to come. */
const autoNumberOf = (state: State, name: string): number | undefined => {
  const digits = /^HotInNvme(\d{1,9})$/u.exec(name)?.[1]
  const number = digits === undefined ? undefined : Number(digits)
  return number === undefined || number < state.nvme.nextHotNumber ? undefined : number
}

/** A controller and all its disks, or nothing. One that is known and has no disk just now gets its disks. */
export const decideAttachNvmeController = (state: State, command: CommandOf<"AttachNvmeController">): Decision =>
  Result.gen(function* () {
    const { data, found, listed, namespaceIds } = command
    const { address, name } = yield* parseNvmeController(state, command)
    const object = `NVMe controller ${name}`
    const known = findNvmeController(state, name)
    if (known !== undefined && activeNvmeBdevsOf(state, name).length > 0) {
      const hint = "detach it first; it has one path here, the kernel's"
      return yield* Result.fail(new AlreadyExists({ object, reason: "exists", hint }))
    }
    if (namespaceIds.length > NVME_NAMESPACES_MAX) {
      const reason = `has ${namespaceIds.length} namespaces`
      const hint = `name those that are meant; at most ${NVME_NAMESPACES_MAX} can be`
      return yield* Result.fail(new LimitExceeded({ object, reason, hint, limit: NVME_NAMESPACES_MAX }))
    }
    const draft = draftOn(state)
    const autoNumber = autoNumberOf(state, name)
    const auto = autoNumber === undefined ? {} : { autoNumber }
    if (known === undefined) record(draft, { _tag: "NvmeControllerAttached", name, address, listed, data, ...auto })
    for (const namespaceId of namespaceIds) {
      const own = found?.find((one) => one.namespaceId === namespaceId)
      yield* createNamespace(draft, { controller: name, address, namespaceId, found: own })
    }
    return draft.events
  })

/** A namespace of a controller that is known has appeared. No event if it is one of its disks, or is not wanted. */
export const decideAttachNvmeNamespace = (state: State, fact: CommandOf<"AttachNvmeNamespace">): Decision => {
  const { found, incarnation, namespaceId } = fact
  const controller = findNvmeController(state, fact.controller)
  if (controller?.incarnation !== incarnation || controller.listed) return nothing
  const { address, name } = controller
  const known = [...activeNvmeBdevsOf(state, name), ...detachedNvmeBdevsOf(state, name)]
  if (known.some((bdev) => bdev.name === nvmeBdevName(name, namespaceId))) return nothing
  return createNamespace(draftOn(state), { controller: name, address, namespaceId, found })
}

/** Its disks go as if each had been deleted; it is forgotten at once. */
export const decideDetachNvmeController = (state: State, command: CommandOf<"DetachNvmeController">): Decision => {
  const controller = findNvmeController(state, command.name)
  const object = `NVMe controller ${quote(command.name)}`
  if (controller === undefined || (command.address !== undefined && command.address !== controller.address)) {
    const reason = controller === undefined ? "does not exist" : `is not at ${command.address}`
    const hint = "bdev_nvme_get_controllers lists them all"
    return Result.fail(new NotFound({ object, reason, hint }))
  }
  const draft = draftOn(state)
  for (const bdev of activeNvmeBdevsOf(state, controller.name)) {
    for (const event of decideBdevRemoval(draft.state, bdev, "requested")) record(draft, event)
  }
  for (const { name } of detachedNvmeBdevsOf(state, controller.name)) record(draft, { _tag: "BdevForgotten", name })
  record(draft, nvmeControllerDetached(controller))
  return Result.succeed(draft.events)
}

/** No event if it is so already. */
export const decideSetNvmeHotplug = (state: State, command: CommandOf<"SetNvmeHotplug">): Decision => {
  const { enable, periodMicros = 0 } = command
  if (!Number.isInteger(periodMicros) || periodMicros < 0 || periodMicros > NVME_HOTPLUG_PERIOD_MAX) {
    const hint = `use up to ${NVME_HOTPLUG_PERIOD_MAX} microseconds, or 0 for the default`
    const reason = `has a period of ${periodMicros} microseconds`
    return Result.fail(new InvalidArgument({ object: "NVMe hotplug", reason, hint }))
  }
  const hotplug = { enable, periodMicros: periodMicros === 0 ? defaultNvmeHotplug.periodMicros : periodMicros }
  return Result.succeed(Equal.equals(hotplug, state.nvme.hotplug) ? [] : [{ _tag: "NvmeHotplugSet", hotplug }])
}
