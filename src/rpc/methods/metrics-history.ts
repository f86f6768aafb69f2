/**
 * `lunlog_get_metrics_history`: what the target has been doing for up to a day, in steps. Charts begin with it, `lunlog
 * top --since` shows it, and incident bundles keep the minutes around.
 */
import { Clock, Effect, Schema } from "effect"
import type { LunLoad, SessionLoad, TargetLoad } from "../../domain/Statistics.ts"
import { MetricsHistory } from "../metrics/MetricsHistory.ts"
import type { MetricsSample } from "../metrics/MetricsSample.ts"
import { sampleTiers } from "../metrics/SampleTiers.ts"
import { optional, SafeUint64 } from "../param.ts"
import { invalidParameters, rpcError } from "../RpcError.ts"
import { defineMethod, type RpcMethod } from "../RpcMethod.ts"
import { ioView } from "./lunlog-statistics.ts"

const targetView = ({ inFlight, io, sessionCount, target }: TargetLoad) => ({
  target,
  sessions: sessionCount,
  ...ioView(io),
  in_flight: inFlight
})

const lunView = ({ bdev, inFlight, incarnation, io, lun, target }: LunLoad) => ({
  target,
  lun_id: lun,
  incarnation,
  bdev_name: bdev,
  ...ioView(io),
  in_flight: inFlight
})

const sessionView = ({ connection, inFlight, initiatorAddress, initiatorName, io, target }: SessionLoad) => ({
  id: connection,
  initiator: initiatorName,
  initiator_addr: initiatorAddress,
  target,
  ...ioView(io),
  in_flight: inFlight
})

const thousandths = (value: number): number => Math.round(value * 1000) / 1000

/** One sample as it is answered, and as incident bundles have it. */
export const sampleView = (sample: MetricsSample) => ({
  at: sample.at,
  seconds: thousandths(sample.seconds),
  totals: {
    ...ioView(sample.io),
    in_flight: sample.inFlight,
    sessions: sample.sessionCount,
    connections: sample.connectionCount
  },
  log: {
    control_records: sample.log.controlRecords,
    observations: sample.log.observations,
    syncs: sample.log.syncs,
    sync_millis: thousandths(sample.log.syncMillis)
  },
  process: {
    cpu_millis: thousandths(sample.process.cpuMillis),
    loop_busy_millis: thousandths(sample.process.busyMillis),
    loop_lag_millis: thousandths(sample.process.lagMillis),
    resident_bytes: sample.process.residentBytes,
    heap_bytes: sample.process.heapBytes
  },
  targets: sample.targets.map(targetView),
  luns: sample.luns.map(lunView),
  sessions: sample.sessions.map(sessionView)
})

const steps = sampleTiers.map(({ stepSeconds }) => stepSeconds)

/** `from` and `to` are milliseconds since the epoch: samples that end after the one and no later than the other. */
const lunlogGetMetricsHistory = defineMethod({
  name: "lunlog_get_metrics_history",
  kind: "query",
  paramsOptional: true,
  params: Schema.Struct({ step: optional(SafeUint64), from: optional(SafeUint64), to: optional(SafeUint64) }),
  handler: ({ from, step = steps[0], to }) =>
    Effect.gen(function* () {
      if (!steps.some((one) => one === step)) {
        const reason = `samples are kept in steps of ${steps.join(", ")} seconds, and not of ${step}`
        return yield* rpcError(invalidParameters, { reason, object: "step", allowed: steps.join(", ") })
      }
      const { samples } = yield* MetricsHistory
      const now = yield* Clock.currentTimeMillis
      return { now, step, samples: samples({ stepSeconds: step, from, to }).map(sampleView) }
    })
})

/** This file's methods. */
export const metricsHistoryMethods: ReadonlyArray<RpcMethod<MetricsHistory>> = [lunlogGetMetricsHistory]
