/**
 * A command that cannot do what it was asked for: one message that names the object and the way out, and an exit code.
 * Commands turn every expected error into this; anything else is a mistake of lunlog and shows where it happened.
 */
import { Schema } from "effect"

/** Why a command ends with a code other than 0. */
export class CliFailure extends Schema.TaggedError<CliFailure>()("CliFailure", {
  /** Empty: the exit code says it all. */
  message: Schema.String,
  /** 1 unless said otherwise. */
  exitCode: Schema.optionalKey(Schema.Int)
}) {}

/** The target answers with something else than this version expects. */
export const unexpectedAnswer = (error: { readonly message: string }): CliFailure =>
  new CliFailure({
    message:
      `the target's answer has not the expected form (${error.message.split("\n")[0]}); ` +
      "use the same lunlog on both ends"
  })

/** A failure from an error that explains itself. */
export const failureOf = (error: { readonly message: string }): CliFailure => new CliFailure({ message: error.message })
