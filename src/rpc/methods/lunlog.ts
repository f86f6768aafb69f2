/**
 * `lunlog_*`: what SPDK has no method for. `lunlog_status` is what the command line shows; `lunlog_identify` lets a
 * client say who it is, so that the log names the command line or a person instead of "local".
 */
import { getHeapStatistics } from "node:v8"
import { Effect, Schema } from "effect"
import { EventLog } from "../../../eventlog/EventLog.ts"
import { driftOfState } from "../../config/plan/Plan.ts"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { DataPlane, type MemoryStatus, type ReactorStatus } from "../../domain/DataPlane.ts"
import { refusedLogins } from "../../domain/observation/refused-logins.ts"
import type { ForkOrigin } from "../../domain/replay/Fork.ts"
import type { Replay } from "../../domain/replay/Replay.ts"
import {
  activeBdevsOf,
  activeTargetsOf,
  bdevsOf,
  findPortalGroup,
  inertSettingsOf,
  initiatorGroupsOf,
  portalGroupsOf,
  targetsOf
} from "../../domain/State.ts"
import { Instance } from "../Instance.ts"
import { text } from "../param.ts"
import { errnoError, rpcError } from "../RpcError.ts"
import { anyState, defineMethod, defineMethodWithoutParams, type RpcMethod } from "../RpcMethod.ts"
import { givenTo } from "./inert.ts"
import { inertOptionsOf } from "./iscsi.ts"
import { logOptionsView } from "./log-options.ts"

type Services = ControlPlane | DataPlane | EventLog | Instance

const logStatus = Effect.gen(function* () {
  const log = yield* EventLog
  const { controlHash, controlNo, seq } = log.durable()
  const { state } = yield* ControlPlane
  return {
    durable_seq: seq,
    tip_seq: log.tip().seq,
    control_no: controlNo,
    control_hash: controlHash,
    dropped_observations: log.droppedObservations(),
    ...logOptionsView(state().logOptions)
  }
})

/** Counts of what is wanted, without what is on its way out. */
const objectCounts = Effect.map(ControlPlane, ({ state }) => {
  const now = state()
  return {
    portal_groups: portalGroupsOf(now).length,
    initiator_groups: initiatorGroupsOf(now).length,
    targets: activeTargetsOf(now).length,
    targets_being_deleted: targetsOf(now).length - activeTargetsOf(now).length,
    bdevs: activeBdevsOf(now).length,
    bdevs_being_removed: bdevsOf(now).length - activeBdevsOf(now).length
  }
})

/** Names in one warning. */
const namesMax = 20

/** It may still be under way; after a kill it is not. */
const brokenOff =
  "an application of a configuration has not ended, and what it took down is not up again; " +
  "if none is running now, apply the configuration again"

/** What is wrong beside the data plane: refused changes, disks that began empty, what was broken off, vain logins. */
const controlWarnings = Effect.gen(function* () {
  const refusal = (yield* EventLog).unavailable()
  const { state } = yield* ControlPlane
  const lost = activeBdevsOf(state()).filter(({ contentLost }) => contentLost)
  const names = lost.slice(0, namesMax).map(({ name }) => name)
  const more = lost.length > namesMax ? ` and ${lost.length - namesMax} more` : ""
  return [
    ...(refusal === undefined ? [] : [refusal.message]),
    ...(state().configTakenDown.length === 0 ? [] : [brokenOff]),
    ...(lost.length === 0
      ? []
      : [`memory does not outlive its process, so these began empty: ${names.join(", ")}${more}`]),
    ...refusedLogins(state())
  ]
})

/** In bytes: what is counted against the limit, and what the process has in all. */
const memoryView = ({ limit, used, usedFor }: MemoryStatus) => {
  const { arrayBuffers, heapUsed, rss } = process.memoryUsage()
  return {
    limit,
    used,
    ...usedFor,
    process: { resident: rss, heap: heapUsed, heap_limit: getHeapStatistics().heap_size_limit, buffers: arrayBuffers }
  }
}

const reactorView = ({ bdevCount, connectionCount, crashCount, index, state, targets }: ReactorStatus) => ({
  index,
  state,
  targets,
  bdevs: bdevCount,
  connections: connectionCount,
  failures: crashCount
})

/** What the data plane has achieved, and all warnings. */
const dataPlaneStatus = Effect.gen(function* () {
  const dataPlane = yield* DataPlane
  const status = yield* dataPlane.status
  const drains = yield* dataPlane.lunDrains
  const { state } = yield* ControlPlane
  return {
    portals: status.portals.map((portal) => {
      const name = findPortalGroup(state(), portal.tag)?.name
      return name === undefined ? portal : { ...portal, group_name: name }
    }),
    bdevs: status.bdevs.map(({ detail, limited, name, state }) => ({
      name,
      state,
      detail,
      ...(limited === undefined
        ? {}
        : { limited: { waiting_ios: limited.waitingCount, delayed_ios: limited.delayedCount } })
    })),
    sessions: status.sessionCount,
    connections: status.connectionCount,
    command_buffer_bytes: status.commandBufferBytes,
    memory: memoryView(status.memory),
    suppressed_observations: status.suppressedObservations,
    ...(status.reactors.length === 0 ? {} : { reactors: status.reactors.map(reactorView) }),
    lun_drains: drains.map(({ commandsLeft, deadlineAt, lun, target }) => ({
      target,
      lun_id: lun,
      commands_left: commandsLeft,
      deadline_at: deadlineAt
    })),
    warnings: [...(yield* controlWarnings), ...status.warnings]
  }
})

/** Differences in one answer. */
const driftMax = 100

/** The file that was applied last, and what is not as it says. */
const configStatus = Effect.map(ControlPlane, ({ state }) => {
  const { appliedConfig } = state()
  if (appliedConfig === undefined) return { config: null, drift_count: 0, drift: [] }
  const { fileHash, name, seq } = appliedConfig
  const drift = driftOfState(state())
  return { config: { name, file_hash: fileHash, seq }, drift_count: drift.length, drift: drift.slice(0, driftMax) }
})

/** Where a fork is from; nothing of a target that is none. */
const forkStatus = (fork: ForkOrigin | undefined) =>
  fork === undefined
    ? {}
    : {
        fork: {
          source_instance_id: fork.sourceInstanceId,
          source_seq: fork.sourceSeq,
          source_at: fork.sourceAt,
          identity: fork.mapping.identity._tag === "Kept" ? "kept" : "new",
          data: fork.data
        }
      }

/** How far what is played into a fork is; nothing if nothing is. */
const replayStatus = (replay: Replay | undefined) =>
  replay === undefined
    ? {}
    : {
        replay: {
          through: replay.through,
          position: replay.position,
          skipped: replay.skippedCount,
          ended: replay.ended ?? null
        }
      }

const lunlogStatus = defineMethodWithoutParams<Services>({
  name: "lunlog_status",
  states: anyState,
  kind: "query",
  handler: () =>
    Effect.gen(function* () {
      const instance = yield* Instance
      const { state } = yield* ControlPlane
      const epoch = state().epoch
      return {
        version: instance.version,
        instance_id: instance.instanceId,
        ...(instance.stateDirectory === undefined ? {} : { state_directory: instance.stateDirectory }),
        ...forkStatus(state().fork),
        ...replayStatus(state().replay),
        pid: process.pid,
        started_at: instance.startedAt,
        state: instance.frameworkState(),
        epoch: epoch === undefined ? null : { number: epoch.number, mode: epoch.mode },
        log: yield* logStatus,
        objects: yield* objectCounts,
        ...(yield* configStatus),
        inert: [
          ...inertSettingsOf(state()).map(({ method, object }) => ({
            method,
            object,
            params: givenTo(state(), method, object)
          })),
          ...inertOptionsOf(state().options).map(([name, value]) => ({
            method: "iscsi_set_options",
            object: name,
            params: { [name]: value }
          })),
          ...activeBdevsOf(state()).flatMap(({ name, spec }) =>
            spec._tag === "Aio" && spec.nowait === true
              ? [{ method: "bdev_aio_create", object: `nowait of ${name}`, params: { nowait: true } }]
              : []
          )
        ],
        ...(yield* dataPlaneStatus)
      }
    })
})

/** Goes into logs and onto terminals, so no control characters. */
const actor = text(128).check(
  Schema.isPattern(/^[^\p{Cc}]+$/u, { message: "Expected a name without control characters" })
)

/** Holds for the rest of the connection. Who may open the socket is trusted to say who it is, over HTTP nobody is. */
const lunlogIdentify = defineMethod<{ readonly source: "cli" | "config" | "rpc"; readonly actor: string }, never>({
  name: "lunlog_identify",
  states: anyState,
  kind: "query",
  params: Schema.Struct({ source: Schema.Literals(["cli", "config", "rpc"]), actor }),
  handler: ({ actor, source }, call) => {
    if (call.caller.isRemote) {
      const reason = "who calls over HTTP is known by the address; only clients of the control socket name themselves"
      return Effect.fail(rpcError(errnoError("EPERM"), { reason }))
    }
    call.caller.source = source
    call.caller.actor = actor
    return Effect.succeed(true)
  }
})

/** This file's methods. */
export const lunlogMethods: ReadonlyArray<RpcMethod<Services>> = [lunlogStatus, lunlogIdentify]
