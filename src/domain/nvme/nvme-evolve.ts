/** The fold of NVMe controllers. See `evolve.ts` for what it guarantees. */
import { Brand, HashMap, Option } from "effect"
import type { EventOf } from "../Event.ts"
import type { Incarnation } from "../ids.ts"
import type { NvmeState, State } from "../State.ts"
import { NVME_SKIPPED_MAX, type NvmeController } from "./NvmeController.ts"

const incarnationOf = Brand.nominal<Incarnation>()

const withNvme = (state: State, nvme: Partial<NvmeState>): State => ({ ...state, nvme: { ...state.nvme, ...nvme } })

/** A controller has a name. */
export const evolveNvmeControllerAttached = (
  state: State,
  { address, autoNumber, data, listed, name }: EventOf<"NvmeControllerAttached">,
  seq: number
): State => {
  const { controllers, nextHotNumber, skipped } = state.nvme
  if (HashMap.has(controllers, name)) return state
  const controller: NvmeController = { name, incarnation: incarnationOf(seq), address, listed, data }
  return withNvme(state, {
    controllers: HashMap.set(controllers, name, controller),
    skipped: skipped.filter((other) => other !== address),
    nextHotNumber: autoNumber === undefined ? nextHotNumber : Math.max(nextHotNumber, autoNumber + 1)
  })
}

/** A controller is nobody's any more; the oldest of too many that were let go is forgotten. */
export const evolveNvmeControllerDetached = (state: State, event: EventOf<"NvmeControllerDetached">): State => {
  const controller = Option.getOrUndefined(HashMap.get(state.nvme.controllers, event.name))
  if (controller?.incarnation !== event.incarnation) return state
  const { controllers, skipped } = state.nvme
  const others = skipped.filter((address) => address !== controller.address)
  return withNvme(state, {
    controllers: HashMap.remove(controllers, event.name),
    skipped: [...others, controller.address].slice(-NVME_SKIPPED_MAX)
  })
}

/** Whether new controllers are taken, from now on. */
export const evolveNvmeHotplugSet = (state: State, { hotplug }: EventOf<"NvmeHotplugSet">): State =>
  withNvme(state, { hotplug })

/** A namespace was let go by itself: its controller has only those that are disks now. */
export const evolveNvmeNamespaceLetGo = (state: State, name: string): State => {
  const controller = Option.getOrUndefined(HashMap.get(state.nvme.controllers, name))
  if (controller === undefined || controller.listed) return state
  const controllers = HashMap.set(state.nvme.controllers, name, { ...controller, listed: true })
  return withNvme(state, { controllers })
}
