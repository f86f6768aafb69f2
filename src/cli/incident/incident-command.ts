/** `lunlog incident`: what went wrong, as somebody who was not there can look at it. */
import { Command } from "effect/cli"
import { captureCommand } from "./capture-command.ts"

/** The command. */
export const incidentCommand = Command.make("incident").pipe(
  Command.withDescription("What went wrong: capture."),
  Command.withSubcommands([captureCommand])
)
