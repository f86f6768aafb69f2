/** `[Nvme]`: local controllers, of which a file here names each namespace. */
import { pciAddressOf } from "../../../domain/nvme/NvmeController.ts"
import type { IniKey } from "../../ini.ts"
import type { SectionReader } from "./SectionReader.ts"

/** The value behind `KEY:` in a transport id. */
const partOf = (transport: string, key: string): string | undefined =>
  new RegExp(`(?:^|\\s)${key}[:=](\\S+)`, "iu").exec(transport)?.[1]

const readTransport = (reader: SectionReader, key: IniKey): void => {
  const [transport = "", controller, ...more] = key.values
  if (controller === undefined || more.length > 0) {
    reader.warn(key, 'is left out; write TransportID "trtype:PCIe traddr:ADDRESS" NAME')
    return
  }
  if (partOf(transport, "trtype")?.toLowerCase() !== "pcie") {
    reader.warn(key, "is left out: lunlog has no NVMe over fabrics; connect it with the kernel, and use its device")
    return
  }
  const address = pciAddressOf(partOf(transport, "traddr") ?? "")
  if (address === undefined) {
    reader.warn(key, "is left out: traddr is no PCI address")
    return
  }
  reader.draft.bdev({ type: "nvme", controller, address }, reader.place(key))
  reader.warn(key, `is namespace 1 alone: if ${controller} has more, add a bdev with namespace: 2 and so on`)
}

/** `TransportID "trtype:PCIe traddr:<address>" <name>`, repeatable. */
export const readNvme = (reader: SectionReader): void => {
  for (const key of reader.all("TransportID")) readTransport(reader, key)
  const why = "has no effect: the kernel's driver has its own"
  reader.without(why, "RetryCount", "TimeoutUsec", "ActionOnTimeout", "AdminPollRate", "IOPollRate", "HostNQN")
  reader.without("is left out: bdev_nvme_set_hotplug sets it", "HotplugEnable", "HotplugPollRate")
  reader.ignore("Comment")
}
