/**
 * How fast counters go up. A counter that is lower than it was has begun anew (another process, another target of the
 * same name): what it shows then was gained since, and is too little rather than too much.
 */
import type { LunCounters } from "../rpc/statistics-methods.ts"

/** What LUNs and sessions both count. */
export type Counters = Pick<
  LunCounters,
  | "reads"
  | "writes"
  | "flushes"
  | "bytes_read"
  | "bytes_written"
  | "read_latency_nanos"
  | "write_latency_nanos"
  | "errors"
  | "in_flight"
>

/** Per second, averages of one interval, and what is in flight at its end. */
export interface IoRates {
  readonly readIops: number
  readonly writeIops: number
  readonly readBytes: number
  readonly writeBytes: number
  /** Mean of the IOs that have ended, in microseconds; 0 without any. */
  readonly readMicros: number
  readonly writeMicros: number
  readonly errors: number
  readonly inFlight: number
}

/** Nothing happens. */
export const idleRates: IoRates = {
  readIops: 0,
  writeIops: 0,
  readBytes: 0,
  writeBytes: 0,
  readMicros: 0,
  writeMicros: 0,
  errors: 0,
  inFlight: 0
}

/** Before anything was counted. */
export const zeroCounters: Counters = {
  reads: 0,
  writes: 0,
  flushes: 0,
  bytes_read: 0,
  bytes_written: 0,
  read_latency_nanos: 0,
  write_latency_nanos: 0,
  errors: 0,
  in_flight: 0
}

const nanosPerMicro = 1000

const hasBegunAnew = (before: Counters, now: Counters): boolean =>
  now.reads < before.reads || now.writes < before.writes || now.flushes < before.flushes

/** Between two looks at the same counters, `seconds` apart. */
export const ratesBetween = (earlier: Counters, now: Counters, seconds: number): IoRates => {
  const before = hasBegunAnew(earlier, now) ? zeroCounters : earlier
  const gained = (a: number, b: number) => Math.max(0, b - a)
  const reads = gained(before.reads, now.reads)
  const writes = gained(before.writes, now.writes)
  const mean = (nanos: number, ops: number) => (ops === 0 ? 0 : nanos / ops / nanosPerMicro)
  return {
    readIops: reads / seconds,
    writeIops: writes / seconds,
    readBytes: gained(before.bytes_read, now.bytes_read) / seconds,
    writeBytes: gained(before.bytes_written, now.bytes_written) / seconds,
    readMicros: mean(gained(before.read_latency_nanos, now.read_latency_nanos), reads),
    writeMicros: mean(gained(before.write_latency_nanos, now.write_latency_nanos), writes),
    errors: gained(before.errors, now.errors) / seconds,
    inFlight: now.in_flight
  }
}

/** Of several at once; latencies are weighed by how many IOs had them. */
export const sumOfRates = (all: Iterable<IoRates>): IoRates => {
  const sum = { ...idleRates }
  let readMicros = 0
  let writeMicros = 0
  for (const one of all) {
    sum.readIops += one.readIops
    sum.writeIops += one.writeIops
    sum.readBytes += one.readBytes
    sum.writeBytes += one.writeBytes
    sum.errors += one.errors
    sum.inFlight += one.inFlight
    readMicros += one.readMicros * one.readIops
    writeMicros += one.writeMicros * one.writeIops
  }
  return {
    ...sum,
    readMicros: sum.readIops === 0 ? 0 : readMicros / sum.readIops,
    writeMicros: sum.writeIops === 0 ? 0 : writeMicros / sum.writeIops
  }
}

/** READs and WRITEs together. */
export const iopsOf = ({ readIops, writeIops }: IoRates): number => readIops + writeIops

/** Bytes in both directions together. */
export const throughputOf = ({ readBytes, writeBytes }: IoRates): number => readBytes + writeBytes
