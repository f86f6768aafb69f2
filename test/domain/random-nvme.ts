/** Random commands for NVMe controllers: few names and addresses, so that they meet. */
import type { Command } from "../../src/domain/Command.ts"
import type { Event } from "../../src/domain/Event.ts"
import { BdevName, Incarnation, Uuid } from "../../src/domain/ids.ts"
import { NvmeControllerName, type NvmeNamespaceFound } from "../../src/domain/nvme/NvmeController.ts"
import { nextHotName } from "../../src/domain/nvme/nvme-decide.ts"
import { nvmeControllersOf, type State } from "../../src/domain/State.ts"
import type { Dice } from "./random.ts"

const data = { vendorId: "0x144d", modelNumber: "M", serialNumber: "S", firmwareRevision: "1", subnqn: "" }
const addresses = ["0000:01:00.0", "1:0", "0000:02:00.0", "nowhere"] as const
const names = ["Nvme0", "Nvme1", "HotInNvme0"] as const

/** What a namespace is found to be. */
export const namespaceFound = (namespaceId: number, wwid?: string): NvmeNamespaceFound => ({
  namespaceId,
  device: `/dev/nvme0n${namespaceId}`,
  blockSize: 512,
  blockCount: 8,
  ...(wwid === undefined ? {} : { wwid }),
  controller: data
})

/** One of them. */
export const nvmeCommands = (dice: Dice, state: State): Command => {
  const { pick, roll } = dice
  const [known] = nvmeControllersOf(state)
  const namespaceId = roll(4)
  const found = namespaceFound(namespaceId, roll(3) === 0 ? undefined : `eui.${roll(5)}`)
  const attach = {
    _tag: "AttachNvmeController" as const,
    address: pick(addresses),
    listed: roll(2) === 0,
    data,
    namespaceIds: [1, 2].slice(roll(3)),
    found: [namespaceFound(1, `eui.${roll(5)}`), namespaceFound(2)]
  }
  const bdev = { _tag: "Nvme" as const, controller: pick(names), address: pick(addresses), namespaceId }
  const namespace = {
    _tag: "AttachNvmeNamespace" as const,
    controller: known?.name ?? NvmeControllerName.make("Nvme0"),
    incarnation: roll(4) === 0 ? Incarnation.make(roll(30)) : (known?.incarnation ?? Incarnation.make(1)),
    namespaceId
  }
  return pick<Command>([
    { ...attach, name: nextHotName(state) },
    { ...attach, name: pick(names) },
    { ...attach, name: pick(names) },
    { _tag: "CreateBdev", bdev: { ...bdev, readOnly: roll(2) === 0, found } },
    { _tag: "CreateBdev", bdev: { ...bdev, readOnly: false } },
    { ...namespace, found },
    { _tag: "DeleteBdev", name: `${pick(names)}n${roll(3)}` },
    { _tag: "DetachNvmeController", name: pick(names) },
    { _tag: "DetachNvmeController", name: pick(names), address: "0000:01:00.0" },
    { _tag: "SetNvmeHotplug", enable: roll(2) === 0, periodMicros: roll(4) * 5_000_000 }
  ])
}

/** An event that no `decide` has seen. */
export const nvmeEvent = ({ pick, roll }: Dice, seq: number): Event => {
  const name = NvmeControllerName.make(pick(names))
  const incarnation = Incarnation.make(roll(seq + 1))
  const spec = {
    _tag: "Nvme" as const,
    controller: name,
    address: pick(addresses),
    namespaceId: roll(3),
    device: "/dev/nvme0n1",
    blockCount: roll(9),
    blockSize: 512,
    readOnly: false
  }
  const uuid = Uuid.make(`6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c0${roll(9)}`)
  const auto = roll(3) === 0 ? { autoNumber: roll(9) } : {}
  return pick<Event>([
    { _tag: "NvmeControllerAttached", name, address: pick(addresses), listed: roll(2) === 0, data, ...auto },
    { _tag: "NvmeControllerDetached", name, incarnation },
    { _tag: "NvmeHotplugSet", hotplug: { enable: roll(2) === 0, periodMicros: roll(9) } },
    { _tag: "BdevCreated", name: BdevName.make(`${name}n1`), uuid, uuidExplicit: false, spec }
  ])
}
