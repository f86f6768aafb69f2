/** The last samples of one thing's rates, in columns as a chart wants them. */
import type { IoRates } from "./rates.ts"

/** Columns of a history, beside its times. */
export const rateNames = [
  "readIops",
  "writeIops",
  "readBytes",
  "writeBytes",
  "readMicros",
  "writeMicros",
  "errors",
  "inFlight"
] as const
/** One of them. */
export type RateName = (typeof rateNames)[number]

/** A column, or the times, with null where nothing is known. */
export type Column = ReadonlyArray<number | null>

/** Oldest first. */
export interface RateColumns {
  /** Seconds since 1970. */
  readonly times: ReadonlyArray<number>
  readonly columns: Readonly<Record<RateName, Column>>
}

/** A pause that is longer than this is a gap in the line, in seconds. Samples of the target's own are 5 s apart. */
const gapSeconds = 12
/** What is known so closely needs no sample of somebody else. */
const knownSeconds = 5

/** Rates at a moment, in seconds since 1970. */
export interface RateSample {
  readonly seconds: number
  readonly rates: IoRates
}

const emptyColumns = (): Record<RateName, Array<number | null>> => ({
  readIops: [],
  writeIops: [],
  readBytes: [],
  writeBytes: [],
  readMicros: [],
  writeMicros: [],
  errors: [],
  inFlight: []
})

/** A ring of `capacity` samples; the oldest goes when it is full. */
export class RateHistory {
  readonly #values: Float64Array
  readonly #capacity: number
  #count = 0

  constructor(capacity: number) {
    this.#capacity = capacity
    this.#values = new Float64Array(capacity * (rateNames.length + 1))
  }

  /** Samples that are kept. */
  get length(): number {
    return Math.min(this.#count, this.#capacity)
  }

  /** The time of the newest, in seconds since 1970. */
  get last(): number | undefined {
    if (this.#count === 0) return undefined
    return this.#values[((this.#count - 1) % this.#capacity) * (rateNames.length + 1)]
  }

  /** A sample that is not later than the newest one is left out. */
  add(seconds: number, rates: IoRates): void {
    if (this.last !== undefined && seconds <= this.last) return
    const at = (this.#count % this.#capacity) * (rateNames.length + 1)
    this.#values[at] = seconds
    rateNames.forEach((name, index) => {
      this.#values[at + 1 + index] = rates[name]
    })
    this.#count += 1
  }

  /** Puts samples in where nothing is known: what was before the page was open, or while it was hidden. */
  merge(samples: ReadonlyArray<RateSample>): void {
    const own = this.#samples()
    const isKnown = (seconds: number) => own.some((one) => Math.abs(one.seconds - seconds) < knownSeconds)
    const others = samples.filter(({ seconds }) => !isKnown(seconds))
    if (others.length === 0) return
    this.#count = 0
    for (const { rates, seconds } of [...own, ...others].sort((a, b) => a.seconds - b.seconds)) this.add(seconds, rates)
  }

  #samples(): ReadonlyArray<RateSample> {
    const { columns, times } = this.columnsSince(0, Number.POSITIVE_INFINITY)
    const at = (name: RateName, index: number) => columns[name][index] ?? 0
    return times.map((seconds, index) => ({
      seconds,
      rates: {
        readIops: at("readIops", index),
        writeIops: at("writeIops", index),
        readBytes: at("readBytes", index),
        writeBytes: at("writeBytes", index),
        readMicros: at("readMicros", index),
        writeMicros: at("writeMicros", index),
        errors: at("errors", index),
        inFlight: at("inFlight", index)
      }
    }))
  }

  /** Samples since `from` (seconds since 1970); where nothing was seen for a while stands a sample of nulls. */
  columnsSince(from: number, gap = gapSeconds): RateColumns {
    const times: Array<number> = []
    const columns = emptyColumns()
    const width = rateNames.length + 1
    for (let index = this.#count - this.length; index < this.#count; index += 1) {
      const at = (index % this.#capacity) * width
      const time = this.#values[at] ?? 0
      if (time < from) continue
      const before = times.at(-1)
      if (before !== undefined && time - before > gap) {
        times.push(before + gap / 2)
        for (const name of rateNames) columns[name].push(null)
      }
      times.push(time)
      for (const [column, name] of rateNames.entries()) columns[name].push(this.#values[at + 1 + column] ?? 0)
    }
    return { times, columns }
  }
}
