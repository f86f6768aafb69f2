/** The rules of the target's options, and the CHAP flags that go together. */
import { Result, Struct } from "effect"
import type { CommandOf } from "../Command.ts"
import { InvalidArgument } from "../DomainError.ts"
import { type Decision, hasControlCharacter, quote, utf8Length } from "../decision.ts"
import { ISCSI_NAME_BYTES_MAX } from "../ids.ts"
import type { State } from "../State.ts"
import { type Auth, type IscsiOptions, iscsiOptionRanges } from "./IscsiOptions.ts"

const authFileLengthMax = 4096
const chapGroupMax = 2 ** 31 - 1

/** Why these CHAP flags cannot be combined, or undefined. */
export const checkAuth = (object: string, auth: Auth): InvalidArgument | undefined => {
  if (auth.disableChap && (auth.requireChap || auth.mutualChap)) {
    const reason = "disables CHAP and requires it"
    return new InvalidArgument({
      object,
      reason,
      hint: "use disable_chap alone, or require_chap with or without mutual"
    })
  }
  if (auth.mutualChap && !auth.requireChap) {
    const reason = "asks for mutual CHAP without requiring CHAP"
    return new InvalidArgument({ object, reason, hint: "use mutual_chap together with require_chap" })
  }
  if (!Number.isInteger(auth.chapGroup) || auth.chapGroup < 0 || auth.chapGroup > chapGroupMax) {
    const reason = `has CHAP group ${auth.chapGroup}`
    return new InvalidArgument({ object, reason, hint: `use 0 for none, or a tag up to ${chapGroupMax}` })
  }
  return undefined
}

/** Whether nothing would change. */
export const sameAuth = (a: Auth, b: Auth): boolean =>
  a.disableChap === b.disableChap &&
  a.requireChap === b.requireChap &&
  a.mutualChap === b.mutualChap &&
  a.chapGroup === b.chapGroup

const checkRanges = (options: IscsiOptions): InvalidArgument | undefined => {
  for (const name of Struct.keys(iscsiOptionRanges)) {
    const [minimum, maximum] = iscsiOptionRanges[name]
    const value = options[name]
    if (Number.isInteger(value) && value >= minimum && value <= maximum) continue
    const reason = `is ${value}`
    return new InvalidArgument({ object: `option ${name}`, reason, hint: `use ${minimum} to ${maximum}` })
  }
  return undefined
}

const checkTexts = (options: IscsiOptions): InvalidArgument | undefined => {
  const { authFile, nodeBase } = options
  if (nodeBase === "" || utf8Length(nodeBase) > ISCSI_NAME_BYTES_MAX || hasControlCharacter(nodeBase)) {
    const hint = `use a prefix such as iqn.2016-06.io.spdk, of at most ${ISCSI_NAME_BYTES_MAX} bytes`
    return new InvalidArgument({ object: "option nodeBase", reason: `is ${quote(nodeBase)}`, hint })
  }
  if (
    authFile !== undefined &&
    (authFile === "" || authFile.length > authFileLengthMax || hasControlCharacter(authFile))
  ) {
    const hint = `use a path of at most ${authFileLengthMax} characters, or leave it out`
    return new InvalidArgument({ object: "option authFile", reason: `is ${quote(authFile)}`, hint })
  }
  return undefined
}

/** All options at once, each within its limits. */
export const decideSetIscsiOptions = (command: CommandOf<"SetIscsiOptions">): Decision => {
  const { options } = command
  const refusal = checkRanges(options) ?? checkTexts(options) ?? checkAuth("discovery authentication", options.auth)
  return refusal === undefined ? Result.succeed([{ _tag: "IscsiOptionsSet", options }]) : Result.fail(refusal)
}

/** Nothing to do if it is so already. */
export const decideSetDiscoveryAuth = (state: State, { auth }: CommandOf<"SetDiscoveryAuth">): Decision => {
  const refusal = checkAuth("discovery authentication", auth)
  if (refusal !== undefined) return Result.fail(refusal)
  return Result.succeed(sameAuth(state.options.auth, auth) ? [] : [{ _tag: "DiscoveryAuthSet", auth }])
}
