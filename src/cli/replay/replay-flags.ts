/** How fast records are played, as flags; and what is printed of them. */
import { Option, Result } from "effect"
import { Flag } from "effect/cli"
import { type Pace, parseSpeed } from "../../history/replay/pace.ts"
import { durationFlag } from "../serve/server-flags.ts"

const speedProblem = (text: string): string => {
  const speed = parseSpeed(text)
  return Result.isFailure(speed) ? speed.failure : ""
}

/** `--speed` and `--max-gap`. */
export const paceFlags = {
  speed: Flag.String("speed").pipe(
    Flag.withMetavar("SPEED"),
    Flag.withDescription("1: as it was; 10: ten times as fast; max: without a pause (default)"),
    Flag.filter((text) => Result.isSuccess(parseSpeed(text)), speedProblem),
    Flag.withDefault("max")
  ),
  maxGap: durationFlag("max-gap", "Shorten pauses between two records that are longer, such as 5s").pipe(Flag.optional)
}

/** What these flags come to. */
export const paceOf = (input: { readonly speed: string; readonly maxGap: Option.Option<number> }): Pace => ({
  speed: Result.getOrElse(parseSpeed(input.speed), () => undefined),
  maxGapMillis: Option.getOrUndefined(input.maxGap)
})

/** What these flags come to, as parameters of `lunlog_replay_*`. */
export const paceParams = (input: { readonly speed: string; readonly maxGap: Option.Option<number> }) => ({
  speed: input.speed,
  ...(Option.isNone(input.maxGap) ? {} : { max_gap: input.maxGap.value })
})
