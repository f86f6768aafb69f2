/**
 * Opens a namespace of an NVMe controller: finds out which block device it is now, and whether it is the one that is
 * meant, and hands that to the driver of files.
 */
import type { AioSpec, NvmeSpec } from "../BdevSpec.ts"
import { type FileOpening, openAioBdev, takeSlot } from "../file/open-aio-bdev.ts"
import { type BdevFailure, failure, type OpenedBdev } from "../OpenedBdev.ts"
import {
  findNvmeController,
  type NvmeControllerFacts,
  type NvmeControllerSeen,
  type NvmeNamespaceFacts
} from "./find-nvme-controller.ts"

/** What is known of an open namespace. */
export interface NvmeFound extends Omit<NvmeNamespaceFacts, "readOnly"> {
  readonly controller: NvmeControllerFacts
}

const namespaceOf = (spec: NvmeSpec, { namespaces }: NvmeControllerSeen): NvmeNamespaceFacts | BdevFailure => {
  const { address, namespaceId, wwid } = spec
  const found = namespaces.find((one) => one.namespaceId === namespaceId)
  const where = `the controller at ${address}`
  if (found === undefined) {
    const ids = namespaces.map((one) => one.namespaceId).join(", ")
    const has = ids === "" ? "no namespaces" : `the namespaces ${ids}`
    return failure("ENODEV", `${where} has no namespace ${namespaceId}: it has ${has}`)
  }
  if (wwid !== undefined && found.wwid !== wwid) {
    const advice = "put the disk back, or delete this bdev and attach the controller again"
    return failure(
      "ENODEV",
      `namespace ${namespaceId} of ${where} is another disk (${found.wwid}, not ${wwid}); ${advice}`
    )
  }
  if (found.blockCount > 0) return found
  const advice = "format it without metadata (nvme format), or see dmesg"
  return failure("EINVAL", `namespace ${namespaceId} of ${where} has no blocks that the kernel can use; ${advice}`)
}

/** An aborted `signal` ends it without a descriptor, once the operation that runs is back. */
export const openNvmeBdev = async (
  name: string,
  spec: NvmeSpec,
  opening: FileOpening,
  signal: AbortSignal
): Promise<OpenedBdev> => {
  const { openSlots } = opening.openFiles
  await takeSlot(openSlots)
  const seen = await findNvmeController(spec.roots, spec.address).finally(() => openSlots.give())
  if (seen._tag === "BdevFailure") return seen
  const found = namespaceOf(spec, seen)
  if ("_tag" in found) return found
  if (signal.aborted) return failure("ECANCELED", "it was given up")
  const { readOnly, ...facts } = found
  if (readOnly && !spec.readOnly) {
    return failure("EROFS", `${found.device} is read-only (sysfs says so); attach it read-only, or make it writable`)
  }
  const file: AioSpec = {
    _tag: "Aio",
    filename: found.device,
    blockSize: found.blockSize,
    readOnly: spec.readOnly,
    wholeBlocks: false,
    productName: "NVMe disk"
  }
  const opened = await openAioBdev(name, file, opening, signal)
  return opened._tag === "BdevOpened" ? { ...opened, nvme: { ...facts, controller: seen.facts } } : opened
}
