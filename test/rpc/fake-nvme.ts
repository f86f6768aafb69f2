/** An NVMe controller that is nowhere: at one address, with two namespaces. */
import { Effect } from "effect"
import type { NvmeControllerFound } from "../../src/domain/DataPlane.ts"
import { BdevUnavailable } from "../../src/domain/data-plane-errors.ts"
import { type NvmeNamespaceFound, pciAddressOf } from "../../src/domain/nvme/NvmeController.ts"

/** Where it is. */
export const fakeNvmeAddress = "0000:01:00.0"

/** What it says of itself. */
export const fakeNvmeData = {
  vendorId: "0x144d",
  modelNumber: "SAMSUNG MZVL2512HCJQ-00B00",
  serialNumber: "S675NX0R123456",
  firmwareRevision: "GXA7401Q",
  subnqn: "nqn.1994-11.com.samsung:nvme:PM9A1:M.2:S675NX0R123456"
}

/** What it has. */
export const fakeNvme = {
  find: (name: string, address: string): Effect.Effect<NvmeControllerFound, BdevUnavailable> =>
    pciAddressOf(address) === fakeNvmeAddress
      ? Effect.succeed({ data: fakeNvmeData, namespaceIds: [1, 2] })
      : Effect.fail(new BdevUnavailable({ name, code: "ENODEV", detail: `there is no PCI device ${address}` })),
  namespace: (namespaceId: number): NvmeNamespaceFound => ({
    namespaceId,
    device: `/dev/nvme0n${namespaceId}`,
    blockSize: 512,
    blockCount: 2048 * namespaceId,
    wwid: `eui.002538b121b0${namespaceId.toString(16).padStart(4, "0")}`,
    controller: fakeNvmeData
  })
} as const
