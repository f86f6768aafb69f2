/** `lunlog completion`: the script that teaches a shell to complete `lunlog`. */
import { Console, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { completionScript, shells } from "./completion-script.ts"

/** The command; `root` gives the tree that it is itself a part of. */
export const completionCommand = (root: () => Command.Command.Any) =>
  Command.make(
    "completion",
    {
      shell: Argument.Literals("shell", shells).pipe(Argument.withDescription("The shell that is to read the script"))
    },
    ({ shell }) =>
      Effect.flatMap(
        Effect.sync(() => completionScript(root(), shell)),
        (script) => Console.log(script)
      )
  ).pipe(
    Command.withDescription(
      "Print a script with which bash, zsh or fish completes commands, options, RPC methods and their options."
    ),
    Command.withExamples([
      { command: 'eval "$(lunlog completion bash)"', description: "For this shell; in ~/.bashrc for all" },
      {
        command: "lunlog completion zsh > ~/.zfunc/_lunlog",
        description: "With fpath=(~/.zfunc $fpath) before compinit"
      },
      { command: "lunlog completion fish > ~/.config/fish/completions/lunlog.fish" }
    ])
  )
