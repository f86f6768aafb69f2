/**
 * The log pages of a disk (SPC-4 7.3, SBC-3 6.4): counters of the unit since it was opened or LOG SELECT has reset
 * them. A page is only here if the unit really knows what it says.
 */
import type { LogicalUnit } from "../LogicalUnit.ts"
import { Resource, resourceCounts } from "./provisioning-resources.ts"

/** One log parameter: its code and its value. */
export interface LogParameter {
  readonly code: number
  /** FORMAT AND LINKING (SPC-4 table 308): 00b a counter, 11b a list in binary form. */
  readonly format: 0 | 3
  readonly value: Buffer
}

/** One log page. Parameters ascend by code. */
export interface LogPage {
  readonly name: string
  readonly code: number
  readonly subpage: number
  /** Whether a unit has it; absent: every unit has. */
  readonly isThere?: (unit: LogicalUnit) => boolean
  readonly parameters: (unit: LogicalUnit) => ReadonlyArray<LogParameter>
}

/** An unsigned number of 1 to 8 bytes; what does not fit stays at the maximum, as counters do. */
const number = (value: number, bytes: number): Buffer => {
  const field = Buffer.alloc(8)
  const largest = bytes >= 7 ? Number.MAX_SAFE_INTEGER : 2 ** (8 * bytes) - 1
  field.writeBigUInt64BE(BigInt(Math.min(Math.max(0, Math.round(value)), largest)))
  return field.subarray(8 - bytes)
}

const counter = (code: number, value: number): LogParameter => ({ code, format: 0, value: number(value, 8) })
const list = (code: number, ...fields: ReadonlyArray<Buffer>): LogParameter => ({
  code,
  format: 3,
  value: Buffer.concat(fields)
})

/** Error counters (SPC-4 7.3.7 ...): total bytes processed, total uncorrected errors. */
const errorCounters =
  (kind: "read" | "write") =>
  (unit: LogicalUnit): ReadonlyArray<LogParameter> => {
    const counts = unit.logCounters[kind]
    return [counter(0x0005, counts.bytes), counter(0x0006, counts.failures)]
  }

const nanosPerInterval = 1_000_000

/**
 * Command counts, blocks and busy time. The processing intervals are sums of latencies, in milliseconds; the weighted
 * number, commands in progress summed over time, is the sum of both (Little's law).
 */
const statistics = (unit: LogicalUnit): ReadonlyArray<LogParameter> => {
  const { read, write } = unit.logCounters
  const { blockSize } = unit.bdev
  const readIntervals = read.latencyNanos / nanosPerInterval
  const writeIntervals = write.latencyNanos / nanosPerInterval
  return [
    list(
      0x0001,
      number(read.ops, 8),
      number(write.ops, 8),
      number(write.bytes / blockSize, 8),
      number(read.bytes / blockSize, 8),
      number(readIntervals, 8),
      number(writeIntervals, 8),
      number(read.ops + write.ops, 8),
      number(readIntervals + writeIntervals, 8)
    ),
    // Exponent -3: an interval is a thousandth of a second, times the integer 1.
    list(0x0003, Buffer.from([0xff, 0xff, 0xff, 0xfd]), number(1, 4))
  ]
}

/** SCOPE 01b: only this unit uses them. */
const dedicated = Buffer.from([0x01, 0x00, 0x00, 0x00])

/** LBA mapping resources that are available and used, in threshold sets (SBC-3 6.4.5). */
const provisioning = ({ bdev }: LogicalUnit): ReadonlyArray<LogParameter> => {
  const { available, used } = resourceCounts(bdev)
  return [list(Resource.available, number(available, 4), dedicated), list(Resource.used, number(used, 4), dedicated)]
}

/** No exception has been reported, and there is no thermometer (FFh). */
const exceptions = (): ReadonlyArray<LogParameter> => [list(0x0000, Buffer.from([0x00, 0x00, 0xff, 0x00]))]

/** Pages with parameters, ascending. 00h, the list of pages, is `log-sense.ts`'s. */
export const logPages: ReadonlyArray<LogPage> = [
  { name: "Write error counters", code: 0x02, subpage: 0, parameters: errorCounters("write") },
  { name: "Read error counters", code: 0x03, subpage: 0, parameters: errorCounters("read") },
  {
    name: "Logical block provisioning",
    code: 0x0c,
    subpage: 0,
    isThere: ({ bdev }) => bdev.provisioning !== undefined,
    parameters: provisioning
  },
  { name: "General statistics and performance", code: 0x19, subpage: 0, parameters: statistics },
  { name: "Informational exceptions", code: 0x2f, subpage: 0, parameters: exceptions }
]

/** The pages that a unit has. */
export const logPagesOf = (unit: LogicalUnit): ReadonlyArray<LogPage> =>
  logPages.filter(({ isThere }) => isThere === undefined || isThere(unit))
