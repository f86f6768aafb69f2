/** What the state and requests say of bdevs, in the words of the drivers. */
import type { Bdev } from "../domain/bdev/Bdev.ts"
import { type BdevRequest, isSizedByDevice, OVERLAY_BYTES_DEFAULT } from "../domain/bdev/BdevSpec.ts"
import { pciAddressOf } from "../domain/nvme/NvmeController.ts"
import type { BaseRef, BdevSpec, SystemRoots } from "./bdev/BdevSpec.ts"

/** The newest bdev of `there` that has this name, or else this UUID. */
export const refOfNewest = (nameOrUuid: string, there: ReadonlyArray<Bdev>): BaseRef => {
  const newest = (matches: (bdev: Bdev) => boolean): Bdev | undefined =>
    there.filter(matches).reduce<Bdev | undefined>((latest, bdev) => {
      return latest === undefined || bdev.incarnation > latest.incarnation ? bdev : latest
    }, undefined)
  const uuid = nameOrUuid.toLowerCase()
  const base = newest((bdev) => bdev.name === nameOrUuid) ?? newest((bdev) => bdev.uuid === uuid)
  return { name: base?.name ?? nameOrUuid, incarnation: base?.incarnation ?? 0 }
}

type FileRequest = Extract<BdevRequest, { readonly _tag: "Aio" }>

const newFile = ({ createBytes, mustBeNew, ...request }: FileRequest): BdevSpec => ({
  ...request,
  wholeBlocks: true,
  ...(createBytes === undefined ? {} : { create: { byteLength: createBytes, mustBeNew: mustBeNew === true } })
})

/**
 * A request names its base, as the rules do by name or else by UUID: the newest of `there` under it, which is asked
 * for that alone, since there may be thousands.
 */
export const specOf = (
  request: Exclude<BdevRequest, { readonly _tag: "Split" }>,
  roots: SystemRoots,
  there: () => ReadonlyArray<Bdev>
): BdevSpec => {
  if (request._tag === "Nvme") {
    const { address, namespaceId, readOnly } = request
    return { _tag: "Nvme", address: pciAddressOf(address) ?? "", namespaceId, readOnly, roots }
  }
  if (request._tag === "Aio") return newFile(request)
  if (isSizedByDevice(request)) return { ...request, wholeBlocks: true }
  if (request._tag === "Malloc" && request.filename !== undefined) return { ...request, makesFile: true }
  if (!("base" in request)) return request
  const base = refOfNewest(request.base, there())
  if (request._tag !== "Overlay" || request.filename !== undefined) return { ...request, base }
  return { ...request, base, maxBytes: request.maxBytes ?? OVERLAY_BYTES_DEFAULT }
}

/** Of a bdev that was open before: its file may be shorter now, and another namespace in its place is not it. */
export const specAgain = (spec: Bdev["spec"], roots: SystemRoots): BdevSpec => {
  if (spec._tag !== "Nvme") return isSizedByDevice(spec) ? { ...spec, wholeBlocks: false } : spec
  const { address, namespaceId, readOnly, wwid } = spec
  const known = wwid === undefined ? {} : { wwid }
  return { _tag: "Nvme", address, namespaceId, readOnly, ...known, roots }
}
