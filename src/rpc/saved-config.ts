/**
 * The state as SPDK's configuration file says it: the calls of each subsystem that lead to it from an empty target, in
 * SPDK's order. What SPDK leaves out of its files or cannot load again is said here: a group that waits, the
 * authentication of a group, redirects, a target without LUN 0 or without maps.
 */
import { Effect } from "effect"
import { SECRETS_PER_CREATE_MAX } from "../domain/auth/AuthGroup.ts"
import { type Bdev, type BdevHistogram, defaultHistogram } from "../domain/bdev/Bdev.ts"
import { type BdevSpec, removableKey, type StackedSpec } from "../domain/bdev/BdevSpec.ts"
import { resolveBdev } from "../domain/bdev/bdev-decide.ts"
import { partsOf } from "../domain/bdev/split-parts.ts"
import type { InitiatorGroup } from "../domain/group/InitiatorGroup.ts"
import type { PortalGroup } from "../domain/group/PortalGroup.ts"
import type { NvmeController } from "../domain/nvme/NvmeController.ts"
import { type Auth, noAuth } from "../domain/options/IscsiOptions.ts"
import type { Secrets } from "../domain/Secrets.ts"
import {
  activeBdevsOf,
  activeLunsOf,
  activeNvmeBdevsOf,
  activeTargetsOf,
  authGroupsOf,
  findInertSetting,
  inertSettingsOf,
  initiatorGroupsOf,
  nvmeControllersOf,
  portalGroupsOf,
  type State
} from "../domain/State.ts"
import { LUNS_PER_CREATE_MAX, type TargetNode } from "../domain/target/TargetNode.ts"
import { authGroupView } from "./methods/auth-groups.ts"
import { authView } from "./methods/auth-params.ts"
import { rateLimitsView } from "./methods/bdev/bdev-view.ts"
import { nbdParams } from "./methods/bdev/nbd-params.ts"
import { tridView } from "./methods/bdev/nvme-view.ts"
import { type Given, givenTo, type InertParams, inertValues } from "./methods/inert.ts"
import {
  accelParams,
  bdevParams,
  iobufParams,
  iscsiInitiatorParams,
  nvmeParams,
  raidParams,
  schedulerParams,
  sockImplementations,
  sockParams
} from "./methods/inert-defaults.ts"
import { optionsView } from "./methods/iscsi.ts"
import { mapView } from "./methods/target-nodes.ts"
import type { RpcError } from "./RpcError.ts"

/** One call of a configuration file. */
export interface SavedCall {
  readonly method: string
  readonly params?: Given
}

type Section = (state: State) => ReadonlyArray<SavedCall> | null

const call = (method: string, params?: Given): SavedCall => (params === undefined ? { method } : { method, params })

/** With its defaults, whether it was called or not. */
const always = (state: State, method: string, params: InertParams): SavedCall =>
  call(method, inertValues(state, method, params))

/** Calls of a method as they were made, one for each object; nothing if there was none. */
const asMade = (state: State, method: string): ReadonlyArray<SavedCall> =>
  inertSettingsOf(state)
    .filter((setting) => setting.method === method)
    .map(({ object }) => {
      const given = givenTo(state, method, object)
      return call(method, Object.keys(given).length === 0 ? undefined : given)
    })

const sock: Section = (state) => {
  const isUringSet = findInertSetting(state, "sock_impl_set_options", "uring") !== undefined
  const shown = sockImplementations.filter((name) => name !== "uring" || isUringSet).toReversed()
  return [
    call("sock_set_default_impl", {
      impl_name: givenTo(state, "sock_set_default_impl")["impl_name"] ?? "posix"
    }),
    ...shown.map((name) =>
      call("sock_impl_set_options", {
        impl_name: name,
        ...inertValues(state, "sock_impl_set_options", sockParams(name), name)
      })
    )
  ]
}

const accel: Section = (state) => [
  always(state, "accel_set_options", accelParams),
  ...["ioat_scan_accel_module", "ae4dma_scan_accel_module", "accel_set_driver", "accel_assign_opc"].flatMap((method) =>
    asMade(state, method)
  )
]

const keyring: Section = (state) =>
  ["keyring_file_add_key", "keyring_linux_set_options"].flatMap((method) => asMade(state, method))

const scheduler: Section = (state) => [
  ...asMade(state, "scheduler_set_options"),
  always(state, "framework_set_scheduler", schedulerParams)
]

const stackedCall = ({ name, uuid }: Bdev, spec: StackedSpec): SavedCall => {
  switch (spec._tag) {
    case "Delay":
      return call("bdev_delay_create", {
        name,
        base_bdev_name: spec.base.name,
        uuid,
        avg_read_latency: spec.averageReadMicros,
        p99_read_latency: spec.p99ReadMicros,
        avg_write_latency: spec.averageWriteMicros,
        p99_write_latency: spec.p99WriteMicros
      })
    case "Error":
      return call("bdev_error_create", { base_name: spec.base.name, uuid })
    case "Passthru":
      return call("bdev_passthru_create", { base_bdev_name: spec.base.name, name, uuid })
    case "Split":
      return call("bdev_split_create", {
        base_bdev: spec.base.name,
        split_count: spec.parts,
        split_size_mb: spec.partMebibytes
      })
    case "Overlay":
      return call("lunlog_overlay_create", {
        name,
        base_bdev_name: spec.base.name,
        ...(spec.filename === undefined ? { max_size: spec.maxBytes ?? 0 } : { filename: spec.filename }),
        uuid
      })
  }
}

/** Without what its file was made with: that is there. */
const fileCall = ({ name, uuid }: Bdev, spec: Extract<BdevSpec, { readonly _tag: "Aio" }>): SavedCall => {
  const { blockSize, direct, dsync, fallocate = false, filename, nowait, ownBlockSize, readOnly, uring } = spec
  const size = ownBlockSize === true ? {} : { block_size: blockSize }
  const own = {
    ...(direct === true ? { direct } : {}),
    ...(dsync === true ? { dsync } : {}),
    ...removableKey(spec)
  }
  if (uring === true) return call("bdev_uring_create", { name, ...size, filename, uuid, ...own })
  const wait = nowait === true ? { nowait } : {}
  return call("bdev_aio_create", { name, ...size, filename, readonly: readOnly, fallocate, uuid, ...wait, ...own })
}

/** Undefined for one that comes with something else. */
const bdevCall = (bdev: Bdev): SavedCall | undefined => {
  const { name, spec, uuid } = bdev
  switch (spec._tag) {
    case "Malloc":
      return call("bdev_malloc_create", {
        name,
        num_blocks: spec.blockCount,
        block_size: spec.blockSize,
        physical_block_size: spec.physicalBlockSize,
        uuid,
        optimal_io_boundary: spec.optimalIoBoundary,
        ...(spec.filename === undefined ? {} : { file: spec.filename }),
        ...removableKey(spec)
      })
    case "Null":
      return call("bdev_null_create", {
        name,
        num_blocks: spec.blockCount,
        block_size: spec.blockSize,
        physical_block_size: spec.physicalBlockSize,
        uuid,
        ...removableKey(spec)
      })
    case "Aio":
      return fileCall(bdev, spec)
    case "Nbd":
      return call("bdev_nbd_create", { name, ...nbdParams(spec), uuid })
    case "Nvme":
      return undefined
    default:
      return stackedCall(bdev, spec)
  }
}

/** With the settings that are not SPDK's own. */
const histogramCall = (name: string, histogram: BdevHistogram): SavedCall => {
  const { granularity, ioType, maxNanos, minNanos } = histogram
  return call("bdev_enable_histogram", {
    name,
    enable: true,
    ...(ioType === undefined ? {} : { opc: ioType }),
    ...(granularity === defaultHistogram.granularity ? {} : { granularity }),
    ...(minNanos === defaultHistogram.minNanos ? {} : { min_nsec: minNanos }),
    ...(maxNanos === defaultHistogram.maxNanos ? {} : { max_nsec: maxNanos })
  })
}

/** Its limits after it, so that they are there with it. */
const bdevCalls = (state: State, bdev: Bdev): ReadonlyArray<SavedCall> => {
  const { histogram, name, qos, spec } = bdev
  // One call makes all parts of a base.
  const isMade = spec._tag === "Split" && partsOf(state, spec.base.name)[0]?.name !== name
  const limits = qos === undefined ? [] : [call("bdev_set_qos_limit", { name, ...rateLimitsView(qos) })]
  const counting = histogram === undefined ? [] : [histogramCall(name, histogram)]
  const created = isMade ? undefined : bdevCall(bdev)
  return [...(created === undefined ? [] : [created]), ...limits, ...counting]
}

/** Its disks come with it; `namespaces` says which, if they are not all. */
const nvmeCall = (state: State, { address, listed, name }: NvmeController): SavedCall => {
  const ids = activeNvmeBdevsOf(state, name).flatMap(({ spec }) => (spec._tag === "Nvme" ? [spec.namespaceId] : []))
  return call("bdev_nvme_attach_controller", {
    name,
    ...tridView(address),
    prchk_reftag: false,
    prchk_guard: false,
    ctrlr_loss_timeout_sec: 0,
    reconnect_delay_sec: 0,
    fast_io_fail_timeout_sec: 0,
    hdgst: false,
    ddgst: false,
    ...(listed ? { namespaces: ids } : {})
  })
}

const bdev: Section = (state) => [
  always(state, "bdev_set_options", bdevParams),
  ...asMade(state, "bdev_examine"),
  always(state, "bdev_raid_set_options", raidParams),
  ...asMade(state, "bdev_iscsi_set_options").map(() => always(state, "bdev_iscsi_set_options", iscsiInitiatorParams)),
  always(state, "bdev_nvme_set_options", nvmeParams),
  ...nvmeControllersOf(state).map((controller) => nvmeCall(state, controller)),
  call("bdev_nvme_set_hotplug", { period_us: state.nvme.hotplug.periodMicros, enable: state.nvme.hotplug.enable }),
  ...activeBdevsOf(state).flatMap((one) => bdevCalls(state, one)),
  call("bdev_wait_for_examine")
]

const isNoAuth = (auth: Auth): boolean => JSON.stringify(authView(auth)) === JSON.stringify(authView(noAuth))

/** Of bdevs that are there: SPDK's devices end with their bdev. */
const nbd: Section = (state) =>
  asMade(state, "nbd_start_disk").filter(
    ({ params }) => resolveBdev(state, String(params?.["bdev_name"]))?.phase._tag === "Active"
  )

const portalGroupCalls = (group: PortalGroup): ReadonlyArray<SavedCall> => {
  const { auth, portals, private: isPrivate, tag, wait } = group
  const created = call("iscsi_create_portal_group", {
    tag,
    portals: portals.map(({ host, port }) => ({ host, port: String(port) })),
    private: isPrivate,
    ...(wait ? { wait } : {})
  })
  return isNoAuth(auth) ? [created] : [created, call("iscsi_portal_group_set_auth", { tag, ...authView(auth) })]
}

/** A group is created with members; one that has lost them is created with some that let nobody in, and loses them. */
const initiatorGroupCalls = ({ initiators, netmasks, tag }: InitiatorGroup): ReadonlyArray<SavedCall> => {
  const stopgap = {
    initiators: initiators.length > 0 ? [] : ["!ANY"],
    netmasks: netmasks.length > 0 ? [] : ["127.0.0.1/32"]
  }
  const created = call("iscsi_create_initiator_group", {
    tag,
    initiators: [...initiators, ...stopgap.initiators],
    netmasks: [...netmasks, ...stopgap.netmasks]
  })
  if (initiators.length > 0 && netmasks.length > 0) return [created]
  return [created, call("iscsi_initiator_group_remove_initiators", { tag, ...stopgap })]
}

/** LUNs beyond what one call takes follow in calls of their own. */
const targetCalls = (target: TargetNode): ReadonlyArray<SavedCall> => {
  const luns = activeLunsOf(target).map((mapping) => ({ bdev_name: mapping.bdev.name, lun_id: mapping.lun }))
  const created = luns.slice(0, LUNS_PER_CREATE_MAX)
  const isComplete = target.pgIgMaps.length > 0 && created.some(({ lun_id }) => lun_id === 0)
  return [
    call("iscsi_create_target_node", {
      name: target.name,
      alias_name: target.alias,
      pg_ig_maps: target.pgIgMaps.map(mapView),
      luns: created,
      queue_depth: target.queueDepth,
      ...authView(target.auth),
      header_digest: target.headerDigest,
      data_digest: target.dataDigest,
      ...(isComplete ? {} : { require_lun_zero: false })
    }),
    ...luns.slice(LUNS_PER_CREATE_MAX).map((lun) => call("iscsi_target_node_add_lun", { name: target.name, ...lun })),
    ...target.redirects.map(({ host, permanent, port, portalGroup }) =>
      call("iscsi_target_node_set_redirect", {
        name: target.name,
        pg_tag: portalGroup,
        redirect_host: host,
        redirect_port: String(port),
        ...(permanent ? { permanent } : {})
      })
    ),
    ...(target.histogram ? [call("iscsi_enable_histogram", { name: target.name, enable: true })] : [])
  ]
}

const iscsi: Section = (state) => [
  call("iscsi_set_options", optionsView(state.options)),
  ...portalGroupsOf(state).flatMap(portalGroupCalls),
  ...initiatorGroupsOf(state).flatMap(initiatorGroupCalls),
  ...activeTargetsOf(state).flatMap(targetCalls)
]

interface Subsystem {
  readonly name: string
  readonly dependsOn: ReadonlyArray<string>
  readonly section: Section
}

/** In the order in which SPDK 26.05 starts them. */
const subsystems: ReadonlyArray<Subsystem> = [
  { name: "scheduler", dependsOn: [], section: scheduler },
  { name: "vmd", dependsOn: [], section: (state) => asMade(state, "vmd_enable") },
  { name: "sock", dependsOn: [], section: sock },
  { name: "iobuf", dependsOn: [], section: (state) => [always(state, "iobuf_set_options", iobufParams)] },
  { name: "keyring", dependsOn: [], section: keyring },
  { name: "accel", dependsOn: ["iobuf"], section: accel },
  { name: "bdev", dependsOn: ["accel", "keyring", "vmd", "sock", "iobuf"], section: bdev },
  { name: "scsi", dependsOn: ["bdev"], section: () => null },
  { name: "nbd", dependsOn: ["bdev"], section: nbd },
  { name: "iscsi", dependsOn: ["scsi", "sock"], section: iscsi }
]

/** As `framework_get_subsystems` lists them. */
export const subsystemList = subsystems.map(({ dependsOn, name }) => ({ subsystem: name, depends_on: dependsOn }))

/** With the secrets in clear, as SPDK saves them; those beyond what one call takes follow in calls of their own. */
const authGroupCalls = (state: State): Effect.Effect<ReadonlyArray<SavedCall>, RpcError, Secrets> =>
  Effect.map(Effect.forEach(authGroupsOf(state), authGroupView), (groups) =>
    groups.flatMap(({ secrets, tag }) => [
      call("iscsi_create_auth_group", { tag, secrets: secrets.slice(0, SECRETS_PER_CREATE_MAX) }),
      ...secrets.slice(SECRETS_PER_CREATE_MAX).map((secret) => call("iscsi_auth_group_add_secret", { tag, ...secret }))
    ])
  )

/** The calls of a subsystem; null if it has no configuration, undefined if there is no such subsystem. */
export const savedConfig = (
  state: State,
  name: string
): Effect.Effect<ReadonlyArray<SavedCall> | null | undefined, RpcError, Secrets> => {
  const calls = subsystems.find((subsystem) => subsystem.name === name)?.section(state)
  if (name !== "iscsi" || calls === undefined || calls === null) return Effect.succeed(calls)
  return Effect.map(authGroupCalls(state), (groups) => [...calls, ...groups])
}

/** Neighbours that call the same method as one batch, as SPDK 26.05 reads them. */
export const inBatches = (calls: ReadonlyArray<SavedCall>): ReadonlyArray<SavedCall | ReadonlyArray<SavedCall>> => {
  const runs: Array<Array<SavedCall>> = []
  for (const one of calls) {
    const last = runs.at(-1)
    if (last?.[0]?.method === one.method) last.push(one)
    else runs.push([one])
  }
  return runs.flatMap((run) => (run.length > 1 ? [run] : run))
}
