/** Looking for an NVMe controller, for somebody who waits for it. */
import { Effect } from "effect"
import type { NvmeControllerFound } from "../domain/DataPlane.ts"
import { BdevUnavailable } from "../domain/data-plane-errors.ts"
import { pciAddressOf } from "../domain/nvme/NvmeController.ts"
import type { SystemRoots } from "./bdev/BdevSpec.ts"
import { findNvmeController } from "./bdev/nvme/find-nvme-controller.ts"

/** Milliseconds; sysfs answers at once, unless a driver hangs. */
const findTimeoutMillis = 20_000

/** What is plugged in at a PCI address, in any form of it. `name` is for messages. */
export const findNvme = (
  roots: SystemRoots,
  name: string,
  address: string
): Effect.Effect<NvmeControllerFound, BdevUnavailable> =>
  Effect.gen(function* () {
    const where = pciAddressOf(address)
    if (where === undefined) {
      const detail = `${JSON.stringify(address.slice(0, 80))} is no PCI address; write it like 0000:01:00.0`
      return yield* new BdevUnavailable({ name, code: "EINVAL", detail })
    }
    const seen = yield* Effect.timeoutOrElse(
      Effect.promise(() => findNvmeController(roots, where)),
      {
        duration: findTimeoutMillis,
        orElse: () => {
          const detail = `the kernel has not answered within ${findTimeoutMillis} ms`
          return Effect.fail(new BdevUnavailable({ name, code: "ETIMEDOUT", detail }))
        }
      }
    )
    if (seen._tag === "BdevFailure") return yield* new BdevUnavailable({ name, code: seen.code, detail: seen.detail })
    return { data: seen.facts, namespaceIds: seen.namespaces.map(({ namespaceId }) => namespaceId) }
  })
