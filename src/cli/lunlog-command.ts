/** The root of the command line `lunlog`, and how it talks to its user. */
import { Console, Effect } from "effect"
import { CliConfig, CliOutput, Command, GlobalFlag } from "effect/cli"
import { completionCommand } from "./completion/completion-command.ts"
import { applyCommand } from "./config/apply-command.ts"
import { convertCommand } from "./config/convert-command.ts"
import { exportCommand } from "./config/export-command.ts"
import { planCommand } from "./config/plan-command.ts"
import { schemaCommand } from "./config/schema-command.ts"
import { consoleCommand } from "./console-command.ts"
import { forkCommand } from "./fork/fork-command.ts"
import { incidentCommand } from "./incident/incident-command.ts"
import { logCommand } from "./log/log-command.ts"
import { metricsCommand } from "./metrics-command.ts"
import { nouns } from "./nouns/all-nouns.ts"
import { replayCommand } from "./replay/replay-command.ts"
import { rpcCommand } from "./rpc/rpc-command.ts"
import { demoCommand } from "./serve/demo-command.ts"
import { type LoadDataPlane, serveCommand } from "./serve/serve-command.ts"
import { statusCommand } from "./status/status-command.ts"
import { topCommand } from "./top/top-command.ts"
import { version } from "./version.ts"

/** How the library calls it. */
const numberWanted = "a string representing a finite number"

const plain = CliOutput.defaultFormatter({ colors: false })

/** A mistake gets one message and the way to the help, not the whole help page. */
export const presenterLayer = CliOutput.layerPresenter({
  present: (event) => {
    if (event._tag === "Help") return Console.log(plain.formatHelpDoc(event.helpDoc))
    if (event._tag === "Version") return Console.log(plain.formatVersion(event.name, event.version))
    const mistakes = event.errors.map(({ message }) => `lunlog: ${message.replace(numberWanted, "a number")}`)
    return Console.error([...mistakes, `Try: ${event.commandPath.join(" ")} --help`].join("\n"))
  }
})

/** What follows `rpc` is read by itself: its options are those of rpc.py and of hundreds of methods. */
const keepWordsOfRpc = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  // The only global option with a value may stand before it.
  const at = args[0] === "--log-level" ? 2 : args[0]?.startsWith("--log-level=") === true ? 1 : 0
  return args[at] === "rpc" ? [...args.slice(0, at + 1), "--", ...args.slice(at + 1)] : args
}

/** The whole tree of commands; `load` brings in the server's code. */
export const rootCommand = (load: LoadDataPlane) =>
  Command.make("lunlog").pipe(
    Command.withDescription("An iSCSI target whose whole control plane is an event log."),
    Command.withSubcommands([
      demoCommand(load),
      serveCommand(load),
      statusCommand,
      topCommand,
      metricsCommand,
      consoleCommand,
      logCommand,
      incidentCommand,
      forkCommand(load),
      replayCommand,
      rpcCommand,
      ...nouns,
      planCommand,
      applyCommand,
      convertCommand,
      exportCommand,
      schemaCommand,
      completionCommand((): Command.Command.Any => rootCommand(load))
    ])
  )

/** Runs one command line. */
export const runLunlog = (args: ReadonlyArray<string>, load: LoadDataPlane) =>
  Command.runWith(rootCommand(load), { version })(keepWordsOfRpc(args)).pipe(
    Effect.provide(presenterLayer),
    Effect.provide(CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.LogLevel] }))
  )
