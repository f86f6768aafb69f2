/** `lunlog portal`: the addresses that targets are served on. */
import { Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CliFailure } from "../CliFailure.ts"
import { about, act, listing, shared } from "./act.ts"
import { ask, freeTag, PortalGroups } from "./answers.ts"
import { groupArgument, groupText, tagOf } from "./groups.ts"

const portDefault = "3260"

const Listening = Schema.Struct({
  portals: Schema.Array(
    Schema.Struct({
      tag: Schema.Number,
      host: Schema.String,
      port: Schema.Number,
      state: Schema.String,
      code: Schema.optional(Schema.NullOr(Schema.String))
    })
  )
})

const list = Command.make("list", shared, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      const groups = yield* ask(call, PortalGroups, "iscsi_get_portal_groups")
      const { portals } = yield* ask(call, Listening, "lunlog_status")
      const rows = groups.flatMap((group) =>
        group.portals.map(({ host, port }) => {
          const found = portals.find((one) => one.tag === group.tag && one.host === host && String(one.port) === port)
          const code = typeof found?.code === "string" ? ` (${found.code})` : ""
          return [groupText(group), `${host}:${port}`, `${found?.state ?? ""}${code}`, group.private ? "private" : ""]
        })
      )
      return { json: groups, text: listing("no portal group", ["GROUP", "PORTAL", "STATE", ""], rows) }
    })
  )
).pipe(about("List the portal groups.", "portal list"))

/** `HOST`, `HOST:PORT`; an IPv6 address in brackets. */
export const portalOf = (word: string): Effect.Effect<{ readonly host: string; readonly port: string }, CliFailure> => {
  const parts = /^(\[[^\]]*\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(word)
  const [, host, port = portDefault] = parts ?? []
  if (host !== undefined) return Effect.succeed({ host, port })
  const allowed = "write 127.0.0.1, 127.0.0.1:3260, [::1]:3260, or *:3260 for all"
  return Effect.fail(new CliFailure({ message: `${JSON.stringify(word)} is no address: ${allowed}` }))
}

const add = Command.make(
  "add",
  {
    ...shared,
    addresses: Argument.String("address").pipe(
      Argument.withDescription(`HOST[:PORT] (${portDefault}); * and [*] are all of IPv4 and IPv6`),
      Argument.variadic({ min: 1 })
    ),
    tag: Flag.Int("tag").pipe(
      Flag.withDescription("Tag of the new group (default: the lowest free one)"),
      Flag.optional
    ),
    private: Flag.Boolean("private").pipe(
      Flag.withDescription("Not shown in discovery; a redirect may lead to it"),
      Flag.withDefault(false)
    )
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const portals = yield* Effect.forEach(input.addresses, portalOf)
        const tag = Option.isSome(input.tag)
          ? input.tag.value
          : freeTag(yield* ask(call, PortalGroups, "iscsi_get_portal_groups"))
        yield* call("iscsi_create_portal_group", { tag, portals, private: input.private })
        const shown = portals.map(({ host, port }) => `${host}:${port}`).join(", ")
        return { json: { tag, portals, private: input.private }, text: `portal group ${tag} listens on ${shown}` }
      })
    )
).pipe(
  about("Make a portal group, which listens on one or more addresses.", "portal add 127.0.0.1:3260", "portal add '*'")
)

const remove = Command.make(
  "remove",
  { ...shared, group: groupArgument("group", "Tag or name of the group") },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        yield* call("iscsi_delete_portal_group", { tag: yield* tagOf(call, "portal", input.group) })
        return { json: true, text: `portal group ${input.group} is gone, with the maps that led to it; sessions stay` }
      })
    )
).pipe(about("Stop listening on a group's addresses. Sessions stay.", "portal remove 1"))

/** The noun. */
export const portalNoun = Command.make("portal").pipe(
  Command.withDescription("Addresses that targets are served on (portal groups): list, add, remove."),
  Command.withSubcommands([list, add, remove])
)
