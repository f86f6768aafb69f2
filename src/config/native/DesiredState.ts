/**
 * What a file wants, as a state of the domain: every section is decided, one after the other, on an empty state. So a
 * file is held to the same rules as an RPC, and its objects can be compared with those that are there, field by
 * field.
 */
import { Effect, Result } from "effect"
import type { Command, CommandOf } from "../../domain/Command.ts"
import { decide } from "../../domain/decide.ts"
import { quote } from "../../domain/decision.ts"
import type { Event } from "../../domain/Event.ts"
import { evolve } from "../../domain/evolve.ts"
import type { Secrets } from "../../domain/Secrets.ts"
import {
  authGroupsOf,
  findAuthGroup,
  initialState,
  initiatorGroupsOf,
  inPlace,
  portalGroupsOf,
  type State
} from "../../domain/State.ts"
import { parseTargetName } from "../../domain/target/target-node-name.ts"
import { ConfigRefused } from "../ConfigRefused.ts"
import { type AllGroupTags, declarationMistakes, type Mistake } from "./check-declarations.ts"
import {
  authGroupCommand,
  bdevCommand,
  bdevHistogramCommands,
  bdevNameOf,
  bdevQosCommands,
  type GroupNumbers,
  histogramCommands,
  initiatorGroupCommand,
  logOptionsCommand,
  optionsCommand,
  portalGroupAuthCommand,
  portalGroupCommand,
  redirectCommands,
  targetCommand
} from "./commands.ts"
import { GroupTags } from "./group-tags.ts"
import type { ConfigPath, NativeFile } from "./NativeFile.ts"
import type { BdevSection } from "./native-schema.ts"
import { sealSecrets } from "./seal-secrets.ts"

/** A command and the section that it comes from. */
export interface Declared<C extends Command = Command> {
  readonly command: C
  readonly path: ConfigPath
}

/** Sections in an order in which they can be created, and the state that they make. */
export interface DesiredState {
  readonly options: Declared<CommandOf<"SetIscsiOptions">> | undefined
  readonly log: Declared<CommandOf<"SetLogOptions">> | undefined
  readonly authGroups: ReadonlyArray<Declared<CommandOf<"CreateAuthGroup">>>
  readonly bdevs: ReadonlyArray<Declared<CommandOf<"CreateBdev">>>
  /** Of the bdevs whose sections have some. */
  readonly bdevQos: ReadonlyArray<Declared<CommandOf<"SetBdevQos">>>
  readonly bdevHistograms: ReadonlyArray<Declared<CommandOf<"SetBdevHistogram">>>
  readonly portalGroups: ReadonlyArray<Declared<CommandOf<"CreatePortalGroup">>>
  /** One for each portal group. */
  readonly portalGroupAuth: ReadonlyArray<Declared<CommandOf<"SetPortalGroupAuth">>>
  readonly initiatorGroups: ReadonlyArray<Declared<CommandOf<"CreateInitiatorGroup">>>
  /** By their full names. */
  readonly targets: ReadonlyArray<Declared<CommandOf<"CreateTargetNode">>>
  readonly redirects: ReadonlyArray<Declared<CommandOf<"SetTargetNodeRedirect">>>
  /** Of the targets whose sections say so. */
  readonly histograms: ReadonlyArray<Declared<CommandOf<"SetTargetNodeHistogram">>>
  /** All of them, in that order. */
  readonly declared: ReadonlyArray<Declared>
  /** What they lead to on an empty state, and the state after that. */
  readonly events: ReadonlyArray<Event>
  readonly state: State
}

/** What plans need of it. */
export type Wanted = Pick<DesiredState, "options" | "log" | "declared" | "events" | "state">

/** Bases before what is stacked on them, and else the file's order; what waits for itself is refused later. */
const basesFirst = (sections: ReadonlyArray<BdevSection>): ReadonlyArray<number> => {
  const indexes = new Map(sections.map((section, index) => [bdevNameOf(section), index]))
  const order = new Set<number>()
  for (const [index] of sections.entries()) {
    // From the section down to the first base that is there already, or to where the chain closes.
    const chain: Array<number> = []
    let next: number | undefined = index
    while (next !== undefined && !order.has(next) && !chain.includes(next)) {
      chain.push(next)
      const section: BdevSection | undefined = sections[next]
      next = section !== undefined && "base" in section ? indexes.get(section.base) : undefined
    }
    for (const one of chain.toReversed()) order.add(one)
  }
  return [...order]
}

const declaredBdevs = (sections: ReadonlyArray<BdevSection>): DesiredState["bdevs"] =>
  basesFirst(sections).flatMap((index) => {
    const section = sections[index]
    return section === undefined ? [] : [{ command: bdevCommand(section), path: ["bdevs", index] }]
  })

const declaredIn = <S, C extends Command>(
  name: string,
  sections: ReadonlyArray<S> | undefined,
  commandsOf: (section: S, index: number) => ReadonlyArray<C>
): ReadonlyArray<Declared<C>> =>
  (sections ?? []).flatMap((section, index) =>
    commandsOf(section, index).map((command) => ({ command, path: [name, index] }))
  )

const tagsOf = ({ config }: NativeFile, running: State): AllGroupTags => ({
  portal: new GroupTags("portal", config.portalGroups ?? [], portalGroupsOf(running)),
  initiator: new GroupTags("initiator", config.initiatorGroups ?? [], initiatorGroupsOf(running)),
  auth: new GroupTags("auth", config.authGroups ?? [], authGroupsOf(running))
})

const sealedGroups = ({ config }: NativeFile, tags: AllGroupTags, running: State) =>
  Effect.gen(function* () {
    const declared: Array<Declared<CommandOf<"CreateAuthGroup">>> = []
    const mistakes: Array<Mistake> = []
    for (const [index, section] of (config.authGroups ?? []).entries()) {
      const tag = tags.auth.tagOf(index)
      const path = ["authGroups", index]
      const sealed = yield* sealSecrets(tag, section.secrets, findAuthGroup(running, tag), path)
      declared.push({ command: authGroupCommand(section, tag, sealed.secrets), path })
      mistakes.push(...sealed.mistakes)
    }
    return { declared, mistakes }
  })

type Sections = Omit<DesiredState, "declared" | "events" | "state">

const sectionsOf = (
  { config }: NativeFile,
  tags: AllGroupTags,
  authGroups: DesiredState["authGroups"],
  targetNames: ReadonlyArray<string>
): Sections => {
  const { bdevs, initiatorGroups, log, options, portalGroups, targets } = config
  const numbers: GroupNumbers = {
    portal: (ref) => tags.portal.numberOf(ref),
    initiator: (ref) => tags.initiator.numberOf(ref),
    auth: (ref) => tags.auth.numberOf(ref)
  }
  const nameOf = (index: number): string => targetNames[index] ?? ""
  return {
    options: options === undefined ? undefined : { command: optionsCommand(options, numbers), path: ["options"] },
    log: log === undefined ? undefined : { command: logOptionsCommand(log), path: ["log"] },
    authGroups,
    bdevs: declaredBdevs(bdevs ?? []),
    bdevQos: declaredIn("bdevs", bdevs, bdevQosCommands),
    bdevHistograms: declaredIn("bdevs", bdevs, bdevHistogramCommands),
    portalGroups: declaredIn("portalGroups", portalGroups, (section, index) => [
      portalGroupCommand(section, tags.portal.tagOf(index))
    ]),
    portalGroupAuth: declaredIn("portalGroups", portalGroups, (section, index) => [
      portalGroupAuthCommand(section, tags.portal.tagOf(index), numbers)
    ]),
    initiatorGroups: declaredIn("initiatorGroups", initiatorGroups, (section, index) => [
      initiatorGroupCommand(section, tags.initiator.tagOf(index))
    ]),
    targets: declaredIn("targets", targets, (section, index) => [targetCommand(section, nameOf(index), numbers)]),
    redirects: declaredIn("targets", targets, (section, index) => redirectCommands(section, nameOf(index), numbers)),
    histograms: declaredIn("targets", targets, (section, index) => histogramCommands(section, nameOf(index)))
  }
}

/** In full, where it can be; the domain says why another cannot be a name. */
const fullTargetNames = ({ config }: NativeFile): ReadonlyArray<string> => {
  const nodeBase = config.options?.nodeBase
  return (config.targets ?? []).map(({ name }) =>
    Result.getOrElse(parseTargetName(name, nodeBase ?? initialState.options.nodeBase), () => name)
  )
}

/**
 * The wanted state, or everything that is wrong with the file. `running` gives derived identities their root, and
 * named groups their tags; what else runs does not count, so that an unchanged file wants what it wanted before.
 */
export const desiredStateOf = (file: NativeFile, running: State): Effect.Effect<DesiredState, ConfigRefused, Secrets> =>
  Effect.gen(function* () {
    const tags = tagsOf(file, running)
    const { declared: authGroups, mistakes } = yield* sealedGroups(file, tags, running)
    const targetNames = fullTargetNames(file)
    const sections = sectionsOf(file, tags, authGroups, targetNames)
    const known = [...mistakes, ...declarationMistakes(file, tags, targetNames, running)]
    const declared = inOrder(sections)
    const { events, mistakes: others, state } = fold(declared, { ...initialState, epoch: running.epoch }, known)
    const found = [...known, ...others]
    if (found.length > 0) {
      return yield* ConfigRefused.of(file.name, found, ({ message, path }) => file.problem(path, message))
    }
    return { ...sections, declared, events, state }
  })

const inOrder = (sections: Sections): ReadonlyArray<Declared> => [
  ...(sections.options === undefined ? [] : [sections.options]),
  ...(sections.log === undefined ? [] : [sections.log]),
  ...sections.authGroups,
  ...sections.bdevs,
  ...sections.bdevQos,
  ...sections.bdevHistograms,
  ...sections.portalGroups,
  ...sections.portalGroupAuth,
  ...sections.initiatorGroups,
  ...sections.targets,
  ...sections.redirects,
  ...sections.histograms
]

/** Why a bdev's size is none, where the domain would talk of broken blocks. */
const sizeMistake = ({ command, path }: Declared): Mistake | undefined => {
  if (command._tag !== "CreateBdev" || !("blockCount" in command.bdev)) return undefined
  const { blockCount, blockSize } = command.bdev
  if (Number.isInteger(blockCount) || !(blockSize > 0)) return undefined
  const message = `${blockCount * blockSize} bytes are no whole number of blocks of ${blockSize} bytes; round it`
  return { path: [...path, "size"], message }
}

const logOptionPaths: ReadonlyMap<string, ConfigPath> = new Map([
  ["slowIoMillis", ["log", "slowIo"]],
  ["observationsMax", ["log", "keep", "count"]],
  ["observationsMaxAgeMillis", ["log", "keep", "age"]]
])

/** The domain names the option that is wrong. */
const optionMistake = ({ command, path }: Declared, message: string): Mistake | undefined => {
  if (command._tag === "SetLogOptions") {
    const wrong = logOptionPaths.get(/^log option (\w+) /u.exec(message)?.[1] ?? "")
    return wrong === undefined ? undefined : { path: wrong, message }
  }
  const name = command._tag === "SetIscsiOptions" ? /^option (\w+) /u.exec(message)?.[1] : undefined
  return name === undefined ? undefined : { path: [...path, name], message }
}

const sectionKey = (path: ConfigPath): string => path.slice(0, 2).map(String).join(".")

/** Decides one after the other. A section that is known to be wrong is left out: what follows from it is no news. */
const fold = (
  all: ReadonlyArray<Declared>,
  initial: State,
  known: ReadonlyArray<Mistake>
): Pick<DesiredState, "events" | "state"> & { readonly mistakes: ReadonlyArray<Mistake> } => {
  const events: Array<Event> = []
  const mistakes: Array<Mistake> = []
  const wrong = new Set(known.map(({ path }) => sectionKey(path)))
  const isWrong = ({ path }: Declared) => wrong.size > 0 && wrong.has(sectionKey(path))
  const missing = new Set(all.filter(isWrong).flatMap(({ command }) => absenceOf(command) ?? []))
  const decided = (before: State, declared: Declared): State => {
    const { command, path } = declared
    const decision = isWrong(declared) ? undefined : decide(before, command)
    if (decision !== undefined && Result.isSuccess(decision)) {
      return decision.success.reduce((state, event) => evolve(state, event, events.push(event)), before)
    }
    const message = decision?.failure.message ?? ""
    // Something is missing because its own section is wrong: that is told already.
    const isConsequence = decision === undefined || missing.has(message.slice(0, message.lastIndexOf("; ")))
    const absence = absenceOf(command)
    if (absence !== undefined) missing.add(absence)
    wrong.add(sectionKey(path))
    if (!isConsequence) mistakes.push(sizeMistake(declared) ?? optionMistake(declared, message) ?? { path, message })
    return before
  }
  return { events, mistakes, state: inPlace(initial, (draft) => all.reduce(decided, draft)) }
}

/** How refusals begin that miss what a command creates. */
const absenceOf = (command: Command): string | undefined => {
  switch (command._tag) {
    case "CreateBdev":
      return `bdev ${quote(command.name ?? "")} does not exist`
    case "CreatePortalGroup":
      return `portal group ${command.tag} does not exist`
    case "CreateInitiatorGroup":
      return `initiator group ${command.tag} does not exist`
    default:
      return undefined
  }
}
