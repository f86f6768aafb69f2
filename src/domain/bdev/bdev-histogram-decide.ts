/** The rules of histograms of bdevs. */
import { Equal, Result, Schema } from "effect"
import type { CommandOf } from "../Command.ts"
import { InvalidArgument } from "../DomainError.ts"
import { type Decision, quote } from "../decision.ts"
import type { State } from "../State.ts"
import { BdevHistogram, IO_TYPES } from "./Bdev.ts"
import { requireBdev } from "./bdev-decide.ts"

/** With 65 ranges that is not quite 2^20 buckets, 4 MiB. SPDK has no limit. */
export const HISTOGRAM_GRANULARITY_MAX = 13

const isHistogram = Schema.is(BdevHistogram)

type Settings = NonNullable<CommandOf<"SetBdevHistogram">["histogram"]>

const refusalOf = (bdev: string, { granularity, ioType, maxNanos, minNanos }: Settings): InvalidArgument => {
  const object = `histogram of bdev ${bdev}`
  if (!Number.isInteger(granularity) || granularity < 0 || granularity > HISTOGRAM_GRANULARITY_MAX) {
    const hint = `use 0 to ${HISTOGRAM_GRANULARITY_MAX}`
    return new InvalidArgument({ object, reason: `cannot have the granularity ${granularity}`, hint })
  }
  if (ioType !== undefined && !IO_TYPES.some((type) => type === ioType)) {
    const hint = `use one of ${IO_TYPES.join(", ")}, or none for all`
    return new InvalidArgument({ object, reason: `cannot be of ${quote(ioType)}`, hint })
  }
  const reason = `would go from ${minNanos} to ${maxNanos} ns`
  return new InvalidArgument({ object, reason, hint: "use whole numbers, the minimum below the maximum" })
}

/** The same settings again let the counting go on. */
export const decideSetBdevHistogram = (state: State, command: CommandOf<"SetBdevHistogram">): Decision =>
  Result.gen(function* () {
    const { histogram: now, incarnation, name } = yield* requireBdev(state, command.name)
    const { histogram } = command
    const event = { _tag: "BdevHistogramSet" as const, name, incarnation }
    if (histogram === undefined) return now === undefined ? [] : [event]
    const { granularity, maxNanos, minNanos } = histogram
    const isAllowed = granularity <= HISTOGRAM_GRANULARITY_MAX && minNanos < maxNanos
    if (!isAllowed || !isHistogram(histogram)) return yield* Result.fail(refusalOf(name, histogram))
    return Equal.equals(histogram, now) ? [] : [{ ...event, histogram }]
  })
