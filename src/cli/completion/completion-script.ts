/**
 * Scripts with which bash, zsh and fish complete command lines: of the whole tree of commands, and of every method
 * behind `lunlog rpc` with its options. All of that is static: no process is started for a key press.
 */
import { type Command, Completions } from "effect/cli"
import type { MethodForm, OptionForm } from "../rpc/arguments/MethodForm.ts"
import { methodForms } from "../rpc/arguments/method-forms.ts"
import { text, type ValueKind } from "../rpc/arguments/value-kinds.ts"
import { configForms } from "../rpc/rpc-config.ts"
import { rpcOptionSpecs } from "../rpc/rpc-options.ts"

/** Shells that there is a script for. */
export const shells = ["bash", "zsh", "fish"] as const
/** One of them. */
export type Shell = (typeof shells)[number]

const fileMetavars = new Set(["FILE", "PATH"])

const typeOf = ({ choices, metavar }: ValueKind): Completions.ArgumentType => {
  if (choices !== undefined) return { _tag: "Choice", values: choices }
  return fileMetavars.has(metavar) ? { _tag: "Path", pathType: "file" } : { _tag: "String" }
}

const flagOf = ({ help, long, negatable, short, value }: OptionForm): Completions.FlagDescriptor => ({
  name: long,
  aliases: short === undefined ? [] : [short],
  description: help,
  type: typeof value === "boolean" ? { _tag: "Boolean" } : typeOf(value),
  negation: negatable ? `no-${long}` : false
})

const helpFlag: Completions.FlagDescriptor = {
  name: "help",
  aliases: [],
  description: "Show the arguments",
  type: { _tag: "Boolean" },
  negation: false
}

const methodDescriptor = (form: MethodForm): Completions.CommandDescriptor => ({
  name: form.method,
  description: form.help,
  flags: [...form.options.map(flagOf), helpFlag],
  arguments: form.positionals.map(({ help, kind, param, required }) => ({
    name: param,
    description: help,
    required,
    variadic: false,
    type: typeOf(kind)
  })),
  subcommands: []
})

const allForms = [...configForms, ...methodForms]

/** In fish's scripts every subcommand repeats the names of all others: 800 KB for a shell to read at each start. */
const methodsFor = (shell: Shell): Pick<Completions.CommandDescriptor, "arguments" | "subcommands"> => {
  if (shell !== "fish") return { arguments: [], subcommands: allForms.map(methodDescriptor) }
  const values = allForms.map(({ method }) => method)
  const type = { _tag: "Choice" as const, values }
  return {
    arguments: [{ name: "method", description: "The method", required: true, variadic: false, type }],
    subcommands: []
  }
}

/** `lunlog rpc`, whose words the tree of commands does not know. */
const rpcDescriptor = (description: string | undefined, shell: Shell): Completions.CommandDescriptor => ({
  name: "rpc",
  description,
  flags: rpcOptionSpecs.map(({ help, long, short, value }) => ({
    name: long,
    aliases: short === undefined ? [] : [short],
    description: help,
    type: value === undefined ? { _tag: "Boolean" } : typeOf(text(value.split("|")[0] ?? "")),
    negation: false as const
  })),
  ...methodsFor(shell)
})

/**
 * Names of targets and disks, asked of the target where the static part has nothing to offer: a process for a key
 * press, which ends at once where no target runs. Targets are named by what follows the first colon, as bash ends a
 * word at one.
 */
const bashNames = `
_lunlog_names()
{
  local _name _names=""
  while IFS= read -r _name; do _names+=" \${_name#*:}"; done < <(lunlog "$1" list --names 2>/dev/null </dev/null)
  COMPREPLY+=( $(compgen -W "$_names" -- "$2") )
}

_lunlog_with_names()
{
  _lunlog "$@"
  local _word="\${COMP_WORDS[COMP_CWORD]}"
  if (( \${#COMPREPLY[@]} )) || [[ "$_word" == -* ]]; then return; fi
  if [[ "\${COMP_WORDS[1]}" == log && "\${COMP_WORDS[COMP_CWORD-1]}" =~ ^(why|--object)$ ]]; then
    _lunlog_names target "$_word"
    _lunlog_names bdev "$_word"
    return
  fi
  case "$COMP_CWORD \${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
    "3 target list"|"3 target create") ;;
    "3 target "*|"3 lun "*) _lunlog_names target "$_word" ;;
    "3 bdev list"|"3 bdev create") ;;
    "3 bdev "*|"4 lun add"|"5 bdev create") _lunlog_names bdev "$_word" ;;
    "3 rpc bdev_"*_create) ;;
    "3 rpc bdev_"*) _lunlog_names bdev "$_word" ;;
  esac
}

complete -o bashdefault -o default -F _lunlog_with_names lunlog
`

/** The script. */
export const completionScript = (root: Command.Command.Any, shell: Shell): string => {
  const descriptor = Completions.fromCommand(root)
  const subcommands = descriptor.subcommands.map((one) =>
    one.name === "rpc" ? rpcDescriptor(one.description, shell) : one
  )
  const script = Completions.generate("lunlog", shell, { ...descriptor, subcommands })
  const named = script.replaceAll(`lunlog --completions ${shell}`, `lunlog completion ${shell}`)
  return shell === "bash" ? `${named}\n${bashNames}` : named
}
