/** NVMe controllers and namespaces in SPDK's shape, as far as the kernel shows what SPDK reads from the controller. */
import type { BdevSpec } from "../../../domain/bdev/BdevSpec.ts"
import { findNvmeController, type State } from "../../../domain/State.ts"

/** The way to a controller. */
export const tridView = (address: string) => ({ trtype: "PCIe", traddr: address })

/** `driver_specific` of a namespace. */
export const nvmeView = (state: State, spec: Extract<BdevSpec, { readonly _tag: "Nvme" }>): unknown => {
  const data = findNvmeController(state, spec.controller)?.data
  return {
    nvme: [
      {
        pci_address: spec.address,
        trid: tridView(spec.address),
        ctrlr_data: {
          vendor_id: data?.vendorId ?? "",
          model_number: data?.modelNumber ?? "",
          serial_number: data?.serialNumber ?? "",
          firmware_revision: data?.firmwareRevision ?? "",
          ...(data === undefined || data.subnqn === "" ? {} : { subnqn: data.subnqn })
        },
        ns_data: { id: spec.namespaceId }
      }
    ],
    mp_policy: "active_passive"
  }
}
