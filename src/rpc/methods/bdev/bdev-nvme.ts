/**
 * `bdev_nvme_*`: controllers of this machine, through the kernel's driver. What SPDK's own driver could be told
 * (queues, digests, timeouts, reconnecting) is taken and has no effect; protection information is refused.
 */
import { Effect, Schema } from "effect"
import { ControlPlane } from "../../../domain/ControlPlane.ts"
import { DataPlane } from "../../../domain/DataPlane.ts"
import { nvmeBdevName } from "../../../domain/nvme/NvmeController.ts"
import { activeNvmeBdevsOf, findNvmeController, nvmeControllersOf } from "../../../domain/State.ts"
import { Int32, list, optional, Text, Uint32, Uint64 } from "../../param.ts"
import { decodeFailed, errnoError, type Refusal, type RpcError, refuseWithErrno, rpcError } from "../../RpcError.ts"
import { defineMethod, type RpcCall, type RpcMethod } from "../../RpcMethod.ts"
import { bdevError, dispatch, dispatchWithLease } from "../dispatch.ts"
import { awaitBdevRemovals, type BdevServices } from "./bdev.ts"
import { tridView } from "./nvme-view.ts"

/** What names the way to a controller. */
const pathParams = {
  trtype: Text,
  traddr: Text,
  adrfam: optional(Text),
  trsvcid: optional(Text),
  subnqn: optional(Text),
  hostaddr: optional(Text),
  hostsvcid: optional(Text)
}

/** What SPDK's own driver and transports would do with it. */
const driverParams = {
  priority: optional(Text),
  hostnqn: optional(Text),
  hdgst: optional(Schema.Boolean),
  ddgst: optional(Schema.Boolean),
  fabrics_connect_timeout_us: optional(Uint64),
  multipath: optional(Schema.Unknown),
  num_io_queues: optional(Uint32),
  ctrlr_loss_timeout_sec: optional(Int32),
  reconnect_delay_sec: optional(Uint32),
  fast_io_fail_timeout_sec: optional(Uint32),
  psk: optional(Text),
  dhchap_key: optional(Text),
  dhchap_ctrlr_key: optional(Text),
  max_bdevs: optional(Uint32),
  allow_unrecognized_csi: optional(Schema.Boolean)
}

/** Transports that SPDK has and lunlog has not. */
const otherTransports: ReadonlySet<string> = new Set(["RDMA", "TCP", "FC", "VFIOUSER", "CUSTOM"])

const checkTransport = (trtype: string): Effect.Effect<void, RpcError> => {
  const name = trtype.toUpperCase()
  if (name === "PCIE") return Effect.void
  const allowed = "PCIe"
  if (!otherTransports.has(name)) {
    const wire = { ...errnoError("EINVAL"), message: `Failed to parse trtype: ${trtype}` }
    return Effect.fail(rpcError(wire, { reason: `there is no transport ${trtype}`, object: "trtype", allowed }))
  }
  const reason = `lunlog has no NVMe over ${trtype}: it uses local controllers, through the kernel's driver`
  const hint = "connect it with the kernel (nvme connect) and give its /dev/nvmeXnY to bdev_aio_create"
  return Effect.fail(rpcError(errnoError("EOPNOTSUPP"), { reason, object: "trtype", allowed, hint }))
}

const checkProtection = (reftag = false, guard = false): Effect.Effect<void, RpcError> => {
  if (!reftag && !guard) return Effect.void
  const reason = "bdevs here have no protection information"
  const data = { reason, object: reftag ? "prchk_reftag" : "prchk_guard", allowed: "false", hint: "leave it out" }
  return Effect.fail(rpcError(errnoError("EINVAL"), data))
}

/** As SPDK says it of a name that is in use. */
const refuseAttach =
  (name: string): Refusal =>
  (error) =>
    error._tag === "AlreadyExists" && error.object.startsWith("NVMe controller")
      ? { code: -114, message: `A controller named ${name} already exists with the specified network path` }
      : refuseWithErrno(error)

interface Attachment {
  readonly name: string
  readonly address: string
  /** Ids; all namespaces that there are if undefined. */
  readonly namespaces: ReadonlyArray<number> | undefined
}

/** The names of the disks. */
const attach = (
  call: RpcCall,
  { address, name, namespaces }: Attachment
): Effect.Effect<ReadonlyArray<string>, RpcError, BdevServices> =>
  Effect.gen(function* () {
    const dataPlane = yield* DataPlane
    const found = yield* Effect.mapError(dataPlane.findNvmeController(name, address), bdevError)
    const namespaceIds = [...new Set(namespaces ?? found.namespaceIds)]
    const command = {
      _tag: "AttachNvmeController" as const,
      name,
      address,
      listed: namespaces !== undefined,
      data: found.data,
      namespaceIds
    }
    const acquire = dataPlane.acquireNvme(name, address, namespaceIds)
    yield* dispatchWithLease(call, acquire, command, refuseAttach(name))
    return namespaceIds.map((id) => nvmeBdevName(name, id))
  })

/** `namespaces` is lunlog's own: only these become disks, also later. */
const bdevNvmeAttachController = defineMethod({
  name: "bdev_nvme_attach_controller",
  aliases: ["construct_nvme_bdev"],
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({
    name: Text,
    ...pathParams,
    ...driverParams,
    prchk_reftag: optional(Schema.Boolean),
    prchk_guard: optional(Schema.Boolean),
    namespaces: optional(list(Uint32, 1024))
  }),
  handler: ({ name, namespaces, prchk_guard, prchk_reftag, traddr, trtype }, call) =>
    Effect.gen(function* () {
      yield* checkTransport(trtype)
      yield* checkProtection(prchk_reftag, prchk_guard)
      return yield* attach(call, { name, address: traddr, namespaces })
    })
})

/** Answers when the disks' LUNs have drained and the devices are closed. */
const bdevNvmeDetachController = defineMethod({
  name: "bdev_nvme_detach_controller",
  aliases: ["delete_nvme_controller"],
  kind: "change",
  undecodable: decodeFailed,
  params: Schema.Struct({
    name: Text,
    ...pathParams,
    trtype: optional(Text),
    traddr: optional(Text),
    hostnqn: optional(Text)
  }),
  handler: ({ name, traddr, trtype }, call) =>
    Effect.gen(function* () {
      if (trtype !== undefined) yield* checkTransport(trtype)
      const address = traddr === undefined ? {} : { address: traddr }
      const command = { _tag: "DetachNvmeController" as const, name, ...address }
      yield* awaitBdevRemovals(yield* dispatch(call, command, refuseWithErrno))
      return true
    })
})

const bdevNvmeGetControllers = defineMethod({
  name: "bdev_nvme_get_controllers",
  aliases: ["get_nvme_controllers"],
  kind: "query",
  undecodable: decodeFailed,
  paramsOptional: true,
  params: Schema.Struct({ name: optional(Text) }),
  handler: ({ name }) =>
    Effect.gen(function* () {
      const state = (yield* ControlPlane).state()
      const one = name === undefined ? undefined : findNvmeController(state, name)
      if (name !== undefined && one === undefined) {
        const wire = { ...errnoError("EINVAL"), message: `Controller ${name} does not exist` }
        const reason = `there is no NVMe controller ${name}`
        const hint = "bdev_nvme_get_controllers without a name lists them all"
        return yield* rpcError(wire, { reason, object: `NVMe controller ${name}`, hint })
      }
      const controllers = one === undefined ? nvmeControllersOf(state) : [one]
      return controllers.map((controller) => ({
        name: controller.name,
        ctrlrs: [
          {
            state: activeNvmeBdevsOf(state, controller.name).length === 0 ? "failed" : "enabled",
            trid: tridView(controller.address),
            host: { nqn: "", addr: "", svcid: "" }
          }
        ]
      }))
    })
})

/** `period_us` of 0 is SPDK's default, 0.1 s. */
const bdevNvmeSetHotplug = defineMethod({
  name: "bdev_nvme_set_hotplug",
  aliases: ["set_bdev_nvme_hotplug"],
  kind: "change",
  params: Schema.Struct({ enable: Schema.Boolean, period_us: optional(Uint64) }),
  handler: ({ enable, period_us = 0n }, call) => {
    // SPDK takes any period and uses its longest.
    const periodMicros = Number(period_us > 10_000_000n ? 10_000_000n : period_us)
    return Effect.as(dispatch(call, { _tag: "SetNvmeHotplug", enable, periodMicros }, refuseWithErrno), true)
  }
})

/** This file's methods. */
export const bdevNvmeMethods: ReadonlyArray<RpcMethod<BdevServices>> = [
  bdevNvmeAttachController,
  bdevNvmeDetachController,
  bdevNvmeGetControllers,
  bdevNvmeSetHotplug
]
