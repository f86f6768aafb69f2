/**
 * `lunlog_get_statistics`: what has been done, for each LUN and each session. Counters only go up; two answers and the
 * difference of their times give rates. `lunlog top` shows them.
 */
import { Effect, Schema } from "effect"
import { DataPlane } from "../../domain/DataPlane.ts"
import type { IoReport, LunStatistics, SessionStatistics } from "../../domain/Statistics.ts"
import { optional, Uint64 } from "../param.ts"
import { defineMethod, type RpcMethod } from "../RpcMethod.ts"

/** What was done, as answers have it. Latencies are sums, in nanoseconds. */
export const ioView = ({ errors, flush, read, unmap, write }: IoReport) => ({
  reads: read.ops,
  writes: write.ops,
  unmaps: unmap.ops,
  flushes: flush.ops,
  bytes_read: read.bytes,
  bytes_written: write.bytes,
  bytes_unmapped: unmap.bytes,
  read_latency_nanos: read.latencyNanos,
  write_latency_nanos: write.latencyNanos,
  unmap_latency_nanos: unmap.latencyNanos,
  flush_latency_nanos: flush.latencyNanos,
  errors
})

const lunView = ({ bdev, inFlight, incarnation, io, lun, target }: LunStatistics) => ({
  target,
  lun_id: lun,
  incarnation,
  bdev_name: bdev,
  ...ioView(io),
  in_flight: inFlight
})

const sessionView = (session: SessionStatistics) => ({
  id: session.connection,
  tsih: session.tsih,
  initiator: session.initiatorName,
  initiator_addr: session.initiatorAddress,
  target: session.target,
  target_addr: session.targetAddress,
  pg_tag: session.portalGroupTag,
  commands: session.commands,
  ...ioView(session.io),
  in_flight: session.inFlight,
  bytes_received: session.receivedBytes,
  bytes_sent: session.sentBytes,
  buffer_bytes: session.bufferBytes,
  unsent_bytes: session.unsentBytes
})

/** `active_since`: an earlier `at_nanos`; where there are many LUNs, most are idle. */
const lunlogGetStatistics = defineMethod<{ readonly active_since?: bigint }, DataPlane>({
  name: "lunlog_get_statistics",
  kind: "query",
  paramsOptional: true,
  params: Schema.Struct({ active_since: optional(Uint64) }),
  handler: ({ active_since }) =>
    Effect.gen(function* () {
      const { statistics } = yield* DataPlane
      const since = active_since === undefined ? undefined : Number(active_since)
      const { atNanos, lunCount, luns, sessions } = yield* statistics.live(since)
      return { at_nanos: atNanos, lun_count: lunCount, luns: luns.map(lunView), sessions: sessions.map(sessionView) }
    })
})

/** This file's methods. */
export const lunlogStatisticsMethods: ReadonlyArray<RpcMethod<DataPlane>> = [lunlogGetStatistics]
