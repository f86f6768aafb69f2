/** `lunlog initiator`: groups of initiators, by name and address. */
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CliFailure } from "../CliFailure.ts"
import type { Call } from "../rpc/rpc-session.ts"
import { about, act, listing, type Outcome, shared } from "./act.ts"
import { ask, freeTag, InitiatorGroups } from "./answers.ts"
import { groupArgument, groupText, tagOf } from "./groups.ts"

const group = groupArgument("group", "Tag or name of the group")
const names = Argument.String("initiator").pipe(
  Argument.withDescription("Names of initiators; ANY is all, !NAME is refused"),
  Argument.variadic()
)
const netmasks = Flag.String("netmask").pipe(
  Flag.withMetavar("NETMASK"),
  Flag.withDescription("Their addresses: ANY, 192.0.2.0/24, [fd00::]/64; may be given several times"),
  Flag.atLeast(0)
)

const askInitiators = (call: Call) => ask(call, InitiatorGroups, "iscsi_get_initiator_groups")

const list = Command.make("list", shared, (input) =>
  act(input, (call) =>
    Effect.map(askInitiators(call), (groups) => ({
      json: groups,
      text: listing(
        "no initiator group",
        ["GROUP", "INITIATORS", "NETMASKS"],
        groups.map((group) => [groupText(group), group.initiators.join(" "), group.netmasks.join(" ")])
      )
    }))
  )
).pipe(about("List the initiator groups.", "initiator list"))

/** The group as it is now. */
const outcome = (call: Call, tag: number): Effect.Effect<Outcome, CliFailure> =>
  Effect.map(askInitiators(call), (groups) => {
    const group = groups.find((one) => one.tag === tag)
    const initiators = group?.initiators.join(" ") ?? ""
    return {
      json: group ?? null,
      text: `initiator group ${groupText(group ?? { tag })}: ${initiators} from ${group?.netmasks.join(" ") ?? ""}`
    }
  })

const orAny = (words: ReadonlyArray<string>): ReadonlyArray<string> => (words.length === 0 ? ["ANY"] : words)

const create = Command.make(
  "create",
  {
    ...shared,
    names,
    netmasks,
    tag: Flag.Int("tag").pipe(
      Flag.withDescription("Tag of the new group (default: the lowest free one)"),
      Flag.optional
    )
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const tag = Option.isSome(input.tag) ? input.tag.value : freeTag(yield* askInitiators(call))
        const members = { initiators: orAny(input.names), netmasks: orAny(input.netmasks) }
        yield* call("iscsi_create_initiator_group", { tag, ...members })
        return yield* outcome(call, tag)
      })
    )
).pipe(
  about(
    "Make a group of initiators. Without names it has all names, without netmasks all addresses.",
    "initiator create --netmask 127.0.0.0/8",
    "initiator create iqn.2020-01.org.example:host1 --netmask 192.0.2.0/24"
  )
)

/** Adding and removing differ in nothing but the method. */
const change = <const Name extends string>(verb: Name, method: string) =>
  Command.make(verb, { ...shared, group, names, netmasks }, (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        if (input.names.length + input.netmasks.length === 0) {
          return yield* new CliFailure({ message: `${verb} whom? Give names of initiators, or --netmask` })
        }
        const tag = yield* tagOf(call, "initiator", input.group)
        yield* call(method, {
          tag,
          ...(input.names.length === 0 ? {} : { initiators: input.names }),
          ...(input.netmasks.length === 0 ? {} : { netmasks: input.netmasks })
        })
        return yield* outcome(call, tag)
      })
    )
  )

const add = change("add", "iscsi_initiator_group_add_initiators").pipe(
  about(
    "Add names and addresses to a group.",
    "initiator add 2 iqn.2020-01.org.example:host2",
    "initiator add 2 --netmask 192.0.2.0/24"
  )
)

const take = change("remove", "iscsi_initiator_group_remove_initiators").pipe(
  about("Take names and addresses out of a group. Sessions stay.", "initiator remove 2 iqn.2020-01.org.example:host2")
)

const remove = Command.make("delete", { ...shared, group }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      yield* call("iscsi_delete_initiator_group", { tag: yield* tagOf(call, "initiator", input.group) })
      return { json: true, text: `initiator group ${input.group} is gone, with the maps that led to it; sessions stay` }
    })
  )
).pipe(about("Delete a group, and the maps that lead to it. Sessions stay.", "initiator delete 2"))

/** The noun. */
export const initiatorNoun = Command.make("initiator").pipe(
  Command.withDescription("Who may log in (initiator groups): list, create, add, remove, delete."),
  Command.withSubcommands([list, create, add, take, remove])
)
