/** Flags that the commands on the event log share. */
import { Option } from "effect"
import { Flag } from "effect/cli"
import { socketFlag } from "../serve/server-flags.ts"
import { openLogSource } from "./log-source.ts"

/** Which log: of the target behind `-r`, or of a directory. */
export const sourceFlags = {
  socket: socketFlag,
  state: Flag.String("state").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("Ask this idle or copied state directory, or an incident bundle, not a running target"),
    Flag.optional
  )
}

/** `--json`, with what it prints. */
export const jsonFlag = (description = "As JSON") =>
  Flag.Boolean("json").pipe(Flag.withDescription(description), Flag.withDefault(false))

/** The log that the flags name; open until the scope closes. */
export const sourceOf = (input: { readonly socket: string; readonly state: Option.Option<string> }) =>
  openLogSource(Option.getOrUndefined(input.state), input.socket)
