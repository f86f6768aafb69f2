/** `lunlog incident`: what went wrong, as somebody who was not there can look at it. */
import { Command } from "effect/cli"
import { bundleCommand } from "./bundle-command.ts"
import { captureCommand } from "./capture-command.ts"
import { listCommand } from "./list-command.ts"
import { openCommand } from "./open-command.ts"
import { showIncidentCommand } from "./show-command.ts"

/** The command. */
export const incidentCommand = Command.make("incident").pipe(
  Command.withDescription(
    "What went wrong: what the target has kept of it, the last PDUs of its connections, and bundles for others."
  ),
  Command.withSubcommands([listCommand, showIncidentCommand, captureCommand, bundleCommand, openCommand])
)
