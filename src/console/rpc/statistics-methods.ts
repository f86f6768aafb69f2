/** `lunlog_get_statistics`: what `lunlog top` asks for, once a second. */

import { method } from "./RpcClient.ts"
import { list, number, object, type Read, text } from "./reader-codec.ts"

const counters = {
  reads: number,
  writes: number,
  flushes: number,
  bytes_read: number,
  bytes_written: number,
  read_latency_nanos: number,
  write_latency_nanos: number,
  errors: number,
  in_flight: number
}

const lun = object({ target: text, lun_id: number, incarnation: number, bdev_name: text, ...counters })
/** Counters of a LUN since it was made, or the process began. */
export type LunCounters = Read<typeof lun>

const session = object({
  id: number,
  tsih: number,
  initiator: text,
  initiator_addr: text,
  target: text,
  commands: number,
  bytes_received: number,
  bytes_sent: number,
  buffer_bytes: number,
  unsent_bytes: number,
  ...counters
})
/** Counters of a session. */
export type SessionCounters = Read<typeof session>

const statistics = object({ at_nanos: number, lun_count: number, luns: list(lun), sessions: list(session) })
/** All at one moment of the target's monotonic clock. */
export type Statistics = Read<typeof statistics>

const sample = object({
  /** Its end, in milliseconds since 1970 by the target's clock, and its length. */
  at: number,
  seconds: number,
  totals: object(counters),
  luns: list(object({ target: text, lun_id: number, ...counters })),
  sessions: list(object({ id: number, ...counters }))
})
/** What was gained in a few seconds, in all, and by the LUNs and sessions with the most IO. */
export type MetricsSample = Read<typeof sample>

/** `lunlog_get_metrics_history`: what `lunlog top --since` shows. */
export const getMetricsHistory = method("lunlog_get_metrics_history", object({ now: number, samples: list(sample) }))

/** With `active_since`, an earlier `at_nanos`, only LUNs with IO since then. */
export const getStatistics = method("lunlog_get_statistics", statistics)
