/**
 * Bdevs as `bdev_get_bdevs` shows them, in SPDK's shape.
 *
 * `supported_io_types` is what lunlog's driver does, not what SPDK's does.
 */
import { type Bdev, type BdevQos, IO_TYPES, noQos } from "../../../domain/bdev/Bdev.ts"
import { type BdevKind, type BdevSpec, bdevKindOf, removableKey } from "../../../domain/bdev/BdevSpec.ts"
import { chainOf, geometryOf, mediumOf } from "../../../domain/bdev/bdev-geometry.ts"
import { declaredState, detachedReason } from "../../../domain/bdev/declared-state.ts"
import { indexGet } from "../../../domain/multi-index.ts"
import { activeBdevsOf, findBdev, findDetachedBdev, type State } from "../../../domain/State.ts"
import { nbdParams } from "./nbd-params.ts"
import { nvmeView } from "./nvme-view.ts"

/** As SPDK names them; initiators see them in INQUIRY. */
const productNames: Readonly<Record<BdevKind, string>> = {
  Malloc: "Malloc disk",
  Null: "Null disk",
  Aio: "AIO disk",
  Nbd: "NBD disk",
  Nvme: "NVMe disk",
  Delay: "delay",
  Error: "Error Injection Disk",
  Passthru: "passthru",
  Split: "Split Disk",
  Overlay: "Overlay disk",
  Uring: "URING bdev"
}
const always: ReadonlySet<string> = new Set(["read", "write", "write_zeroes", "flush", "reset", "abort"])

/** Of a file nothing is unmapped, unless it was asked for. An overlay unmaps by itself. */
const supportedIoTypes = (chain: ReadonlyArray<BdevSpec>) => {
  const medium = mediumOf(chain)
  const isThin = medium !== undefined && medium._tag !== "Nvme" && (medium._tag !== "Aio" || medium.fallocate === true)
  const thin = chain.some(({ _tag }) => _tag === "Overlay") || isThin
  return Object.fromEntries(IO_TYPES.map((type) => [type, always.has(type) || (thin && type === "unmap")]))
}

/** Limits as `bdev_set_qos_limit` takes them, all four. */
export const rateLimitsView = (qos: BdevQos) => ({
  rw_ios_per_sec: qos.readWriteIops,
  rw_mbytes_per_sec: qos.readWriteMiBPerSecond,
  r_mbytes_per_sec: qos.readMiBPerSecond,
  w_mbytes_per_sec: qos.writeMiBPerSecond
})

/** `direct` and `dsync` are lunlog's own. */
const fileSpecific = (spec: Extract<BdevSpec, { readonly _tag: "Aio" }>): unknown => {
  const { direct, dsync, fallocate = false, filename, nowait = false, ownBlockSize, readOnly, uring } = spec
  const own = { ...(direct === true ? { direct } : {}), ...(dsync === true ? { dsync } : {}) }
  if (uring === true) return { uring: { filename, ...own } }
  const override = ownBlockSize !== true
  return { aio: { filename, block_size_override: override, readonly: readOnly, fallocate, nowait, ...own } }
}

const driverSpecific = (state: State, bdev: Bdev): unknown => {
  switch (bdev.spec._tag) {
    case "Malloc":
      return bdev.spec.filename === undefined ? {} : { malloc: { filename: bdev.spec.filename } }
    case "Delay":
      return {
        delay: {
          name: bdev.name,
          base_bdev_name: bdev.spec.base.name,
          avg_read_latency: bdev.spec.averageReadMicros,
          p99_read_latency: bdev.spec.p99ReadMicros,
          avg_write_latency: bdev.spec.averageWriteMicros,
          p99_write_latency: bdev.spec.p99WriteMicros
        }
      }
    case "Aio":
      return fileSpecific(bdev.spec)
    case "Nbd":
      return { nbd: nbdParams(bdev.spec) }
    case "Nvme":
      return nvmeView(state, bdev.spec)
    case "Error":
      return { error_disk: { base_bdev: bdev.spec.base.name } }
    case "Passthru":
      return { passthru: { name: bdev.name, base_bdev_name: bdev.spec.base.name } }
    case "Split": {
      const { base, part, partBlocks } = bdev.spec
      return { split: { base_bdev: base.name, offset_blocks: part * partBlocks } }
    }
    case "Overlay": {
      const { base, filename, maxBytes } = bdev.spec
      const store = filename === undefined ? { max_size: maxBytes } : { filename }
      return { overlay: { base_bdev_name: base.name, ...store } }
    }
    default:
      return {}
  }
}

/** What is stacked on a bdev claims it, as in SPDK; an overlay has only to be sure that nobody writes. */
const claim = (state: State, { name }: Bdev) => {
  const above = indexGet(state.indexes.dependents, name)
  if (above.length === 0) return { claimed: false }
  const readsOnly = above.every((dependent) => findBdev(state, dependent)?.spec._tag === "Overlay")
  return { claimed: true, claim_type: readsOnly ? "read_many_write_none" : "exclusive_write" }
}

/** All that are declared, or the one of a name: those whose device is away have a member that says so. */
export const declaredBdevViews = (state: State, name?: string): ReadonlyArray<unknown> => {
  const declared = declaredState(state)
  const wanted = activeBdevsOf(declared).filter((bdev) => name === undefined || bdev.name === name)
  return wanted.map((bdev) => {
    const detached = findDetachedBdev(state, bdev.name)
    const view = bdevView(declared, bdev)
    if (detached === undefined || detached.attached !== undefined) return view
    const luns = detached.luns.map(({ lun, target }) => ({ target, lun_id: lun }))
    const reason = detachedReason(state, detached) ?? "its base is detached"
    return { ...view, detached: { reason, since_seq: detached.since, luns } }
  })
}

/** One element of `bdev_get_bdevs`. */
export const bdevView = (state: State, bdev: Bdev) => {
  const chain = chainOf(state, bdev)
  const medium = mediumOf(chain)
  const geometry = geometryOf(state, bdev)
  return {
    name: bdev.name,
    aliases: [bdev.uuid].filter((uuid: string) => uuid !== bdev.name),
    product_name: productNames[bdevKindOf(bdev.spec)],
    block_size: geometry?.blockSize ?? 0,
    num_blocks: geometry?.blockCount ?? 0,
    preferred_write_alignment: 0,
    preferred_write_granularity: 0,
    optimal_write_size: 0,
    preferred_unmap_alignment: 0,
    preferred_unmap_granularity: 0,
    uuid: bdev.uuid,
    ...(bdev.spec._tag === "Malloc" ? { numa_id: -1 } : {}),
    assigned_rate_limits: rateLimitsView(bdev.qos ?? noQos),
    ...claim(state, bdev),
    ...removableKey(medium !== undefined && "removable" in medium ? medium : {}),
    zoned: false,
    supported_io_types: supportedIoTypes(chain),
    driver_specific: driverSpecific(state, bdev)
  }
}
