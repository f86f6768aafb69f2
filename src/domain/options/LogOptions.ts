/** What the event log is to keep of what is observed, and what is worth observing. Set as one value. */
import { Schema } from "effect"

/** Options of the event log. */
export const LogOptions = Schema.Struct({
  /** An IO that takes at least so many milliseconds is recorded; 0: none is. */
  slowIoMillis: Schema.Natural,
  /** So many observations are kept, and for so many milliseconds; what is more goes by whole segments. */
  observationsMax: Schema.Natural,
  observationsMaxAgeMillis: Schema.Natural
})
export type LogOptions = typeof LogOptions.Type

const minuteMillis = 60_000
const dayMillis = 24 * 60 * minuteMillis

/** A second is long for any disk that works, and short of what hosts give up after. */
export const defaultLogOptions: LogOptions = {
  slowIoMillis: 1000,
  observationsMax: 1_000_000,
  observationsMaxAgeMillis: 30 * dayMillis
}

/** Whether all options are what they are without being set. */
export const areDefaultLogOptions = (options: LogOptions): boolean =>
  options.slowIoMillis === defaultLogOptions.slowIoMillis &&
  options.observationsMax === defaultLogOptions.observationsMax &&
  options.observationsMaxAgeMillis === defaultLogOptions.observationsMaxAgeMillis

/** Smallest and largest value of each number. */
export const logOptionRanges = {
  slowIoMillis: [0, 60 * minuteMillis],
  observationsMax: [1, 1_000_000_000],
  observationsMaxAgeMillis: [minuteMillis, 36_500 * dayMillis]
} as const

/** What can happen to them. */
export const logOptionsEvents = { LogOptionsSet: { options: LogOptions } } as const

/** What can be asked of them; what is left out stays as it is. No event if all is so already. */
export const logOptionsCommands = {
  SetLogOptions: {
    options: Schema.Struct({
      slowIoMillis: Schema.optionalKey(Schema.Number),
      observationsMax: Schema.optionalKey(Schema.Number),
      observationsMaxAgeMillis: Schema.optionalKey(Schema.Number)
    })
  }
} as const
