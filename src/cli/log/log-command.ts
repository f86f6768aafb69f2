/** `lunlog log`: the event log of a running target, or of an idle or copied directory. */
import { Command } from "effect/cli"
import { bisectCommand } from "./bisect-command.ts"
import { compactCommand } from "./compact-command.ts"
import { diffCommand } from "./diff-command.ts"
import { exportCommand } from "./export-command.ts"
import { importCommand } from "./import-command.ts"
import { showCommand } from "./show-command.ts"
import { stateCommand } from "./state-command.ts"
import { tailCommand } from "./tail-command.ts"
import { timelineCommand } from "./timeline-command.ts"
import { verifyCommand } from "./verify-command.ts"
import { whyCommand } from "./why-command.ts"

/** The commands on the event log. */
export const logCommand = Command.make("log").pipe(
  Command.withDescription("Ask the event log: every change, when, and who asked for it."),
  Command.withSubcommands([
    tailCommand,
    showCommand,
    stateCommand,
    diffCommand,
    whyCommand,
    timelineCommand,
    bisectCommand,
    verifyCommand,
    compactCommand,
    exportCommand,
    importCommand
  ])
)
