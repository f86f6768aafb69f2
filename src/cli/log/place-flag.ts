/** Places in the log on the command line: read in the zone and at the time of whoever types them. */
import { Clock, Effect, Option, Result } from "effect"
import { Argument, Flag } from "effect/cli"
import { parsePosition, positionText } from "../../history/position.ts"
import { CliFailure } from "../CliFailure.ts"

/** `--name PLACE`; `placeParam` makes a parameter of it. */
export const placeFlag = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("PLACE"), Flag.withDescription(description), Flag.optional)

/** A place as an argument. */
export const placeArgument = (name: string, description: string) =>
  Argument.String(name).pipe(Argument.withDescription(description))

/** What is sent for a place: it means the same wherever and whenever it is read. */
export const placeParam = (text: string): Effect.Effect<string, CliFailure> =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMillis) => {
    const position = parsePosition(text, { nowMillis, zone: "local" })
    return Result.isSuccess(position)
      ? Effect.succeed(positionText(position.success))
      : Effect.fail(new CliFailure({ message: position.failure }))
  })

/** The same for a flag that may be absent. */
export const optionalPlace = (text: Option.Option<string>): Effect.Effect<string | undefined, CliFailure> =>
  Option.isNone(text) ? Effect.undefined : placeParam(text.value)
