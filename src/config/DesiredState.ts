/**
 * What a file wants, as a state of the domain: every section is decided, one after the other, on an empty state. So a
 * file is held to the same rules as an RPC, and its objects can be compared with those that are there, field by
 * field.
 */
import { Result } from "effect"
import type { Command, CommandOf } from "../domain/Command.ts"
import type { DomainError } from "../domain/DomainError.ts"
import { decide } from "../domain/decide.ts"
import type { Epoch } from "../domain/Epoch.ts"
import { evolve } from "../domain/evolve.ts"
import { initialState, type State } from "../domain/State.ts"
import {
  bdevCommand,
  bdevNameOf,
  initiatorGroupCommand,
  optionsCommand,
  portalGroupCommand,
  targetCommand
} from "./commands.ts"
import type { ConfigPath, NativeFile } from "./NativeFile.ts"
import type { BdevSection } from "./native-schema.ts"

/** A command and the section that it comes from. */
export interface Declared<C extends Command = Command> {
  readonly command: C
  readonly path: ConfigPath
}

/** Sections in an order in which they can be created, and the state that they make. */
export interface DesiredState {
  readonly options: Declared<CommandOf<"SetIscsiOptions">> | undefined
  readonly bdevs: ReadonlyArray<Declared<CommandOf<"CreateBdev">>>
  readonly portalGroups: ReadonlyArray<Declared<CommandOf<"CreatePortalGroup">>>
  readonly initiatorGroups: ReadonlyArray<Declared<CommandOf<"CreateInitiatorGroup">>>
  readonly targets: ReadonlyArray<Declared<CommandOf<"CreateTargetNode">>>
  readonly state: State
}

/** Bases before what is stacked on them; what waits for itself stays at the end, and is refused there. */
const basesFirst = (sections: ReadonlyArray<BdevSection>): ReadonlyArray<number> => {
  const names = new Set(sections.map(bdevNameOf))
  const done = new Set<string>()
  const order: Array<number> = []
  let left = sections.map((_, index) => index)
  for (let moved = true; moved; ) {
    const ready = left.filter((index) => {
      const section = sections[index]
      return section !== undefined && (!("base" in section) || done.has(section.base) || !names.has(section.base))
    })
    for (const index of ready) {
      const section = sections[index]
      if (section !== undefined) done.add(bdevNameOf(section))
    }
    order.push(...ready)
    left = left.filter((index) => !ready.includes(index))
    moved = ready.length > 0
  }
  return [...order, ...left]
}

const declaredBdevs = (sections: ReadonlyArray<BdevSection>): DesiredState["bdevs"] =>
  basesFirst(sections).flatMap((index) => {
    const section = sections[index]
    return section === undefined ? [] : [{ command: bdevCommand(section), path: ["bdevs", index] }]
  })

const declaredIn = <S, C extends Command>(
  name: string,
  sections: ReadonlyArray<S> | undefined,
  commandOf: (section: S) => C
): ReadonlyArray<Declared<C>> =>
  (sections ?? []).map((section, index) => ({ command: commandOf(section), path: [name, index] }))

/** What went wrong with a section, in the file's words. */
export const domainProblem = (file: NativeFile, path: ConfigPath, error: DomainError): string =>
  file.problem(path, error.message)

/** The wanted state, or every section that the domain refuses. `epoch` gives derived identities their root. */
export const desiredStateOf = (
  file: NativeFile,
  epoch: Epoch | undefined
): Result.Result<DesiredState, ReadonlyArray<string>> => {
  const { bdevs, initiatorGroups, options, portalGroups, targets } = file.config
  const sections = {
    options: options === undefined ? undefined : { command: optionsCommand(options), path: ["options"] },
    bdevs: declaredBdevs(bdevs ?? []),
    portalGroups: declaredIn("portalGroups", portalGroups, portalGroupCommand),
    initiatorGroups: declaredIn("initiatorGroups", initiatorGroups, initiatorGroupCommand),
    targets: declaredIn("targets", targets, targetCommand)
  }
  const all: ReadonlyArray<Declared> = [
    ...(sections.options === undefined ? [] : [sections.options]),
    ...sections.bdevs,
    ...sections.portalGroups,
    ...sections.initiatorGroups,
    ...sections.targets
  ]
  return Result.map(fold(file, all, { ...initialState, epoch }), (state) => ({ ...sections, state }))
}

/** Why a bdev's size is none, where the domain would talk of broken blocks. */
const sizeProblem = ({ command, path }: Declared): readonly [ConfigPath, string] | undefined => {
  if (command._tag !== "CreateBdev" || !("blockCount" in command.bdev)) return undefined
  const { blockCount, blockSize } = command.bdev
  if (Number.isInteger(blockCount) || !(blockSize > 0)) return undefined
  const message = `${blockCount * blockSize} bytes are no whole number of blocks of ${blockSize} bytes; round it`
  return [[...path, "size"], message]
}

const fold = (
  file: NativeFile,
  all: ReadonlyArray<Declared>,
  initial: State
): Result.Result<State, ReadonlyArray<string>> => {
  let state = initial
  let seq = 0
  const problems: Array<string> = []
  const missing: Array<string> = []
  for (const declared of all) {
    const { command, path } = declared
    const decision = decide(state, command)
    if (Result.isSuccess(decision)) {
      for (const event of decision.success) state = evolve(state, event, ++seq)
      continue
    }
    // Something is missing because its own section is wrong: that is told already.
    const { message } = decision.failure
    const isConsequence = missing.some((name) => message.includes(JSON.stringify(name)))
    if (command._tag === "CreateBdev" && command.name !== undefined) missing.push(command.name)
    if (!isConsequence) problems.push(file.problem(...(sizeProblem(declared) ?? ([path, message] as const))))
  }
  return problems.length > 0 ? Result.fail(problems) : Result.succeed(state)
}
