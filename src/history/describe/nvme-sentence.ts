/** What the events of NVMe controllers say, in words. */
import type { Event, EventType } from "../../domain/Event.ts"

/** The events of this file. */
export type NvmeEventType = Extract<EventType, `Nvme${string}`>

/** Without who asked for it. */
export const nvmeSentence = (event: Extract<Event, { readonly _tag: NvmeEventType }>): string => {
  switch (event._tag) {
    case "NvmeControllerAttached": {
      const { modelNumber, serialNumber } = event.data
      const what = [modelNumber, serialNumber].filter((text) => text !== "").join(", ")
      return `NVMe controller ${event.name} was attached: ${event.address}${what === "" ? "" : ` (${what})`}`
    }
    case "NvmeControllerDetached":
      return `NVMe controller ${event.name} was let go`
    case "NvmeHotplugSet":
      return event.hotplug.enable
        ? `NVMe controllers that are plugged in are attached from now on (looked for every ${
            event.hotplug.periodMicros / 1000
          } ms)`
        : "NVMe controllers that are plugged in are left alone from now on"
  }
}
