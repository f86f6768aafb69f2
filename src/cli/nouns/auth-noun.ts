/** `lunlog auth`: groups of CHAP secrets. Secrets are never shown here, and read from where nobody sees them. */
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { equalSecretsHint } from "../../domain/auth/auth-group-decide.ts"
import { CliFailure } from "../CliFailure.ts"
import { printable } from "../printable.ts"
import { about, act, listing, shared } from "./act.ts"
import { AuthGroups, ask, freeTag, IscsiOptions } from "./answers.ts"
import { chapFlags, chapParams, warnOfGroup } from "./chap.ts"
import { groupArgument, groupText, tagOf } from "./groups.ts"
import { readSecret, secretFileFlag, secretTextFlag } from "./read-secret.ts"

const tag = Argument.Int("tag").pipe(Argument.withDescription("Tag of the group"))
const group = groupArgument("group", "Tag or name of the group")
const user = Argument.String("user").pipe(Argument.withDescription("Name that the initiator authenticates by"))

const list = Command.make("list", shared, (input) =>
  act(input, (call) =>
    Effect.map(ask(call, AuthGroups, "iscsi_get_auth_groups"), (groups) => {
      const json = groups.map(({ secrets, ...group }) => ({ ...group, users: secrets }))
      const rows = groups.flatMap((group) =>
        group.secrets.length === 0
          ? [[groupText(group), "(no user)", ""]]
          : group.secrets.map(({ muser = "", user }) => [groupText(group), printable(user), printable(muser)])
      )
      return { json, text: listing("no auth group", ["GROUP", "USER", "MUTUAL USER"], rows) }
    })
  )
).pipe(about("List the auth groups and their users, without secrets.", "auth list"))

const create = Command.make("create", { ...shared, tag: Argument.optional(tag) }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      const tag = Option.isSome(input.tag)
        ? input.tag.value
        : freeTag(yield* ask(call, AuthGroups, "iscsi_get_auth_groups"))
      yield* call("iscsi_create_auth_group", { tag })
      return { json: { tag }, text: `auth group ${tag}; next: lunlog auth add-secret ${tag} USER` }
    })
  )
).pipe(about("Make an auth group, without a user yet.", "auth create", "auth create 7"))

const addSecret = Command.make(
  "add-secret",
  {
    ...shared,
    group,
    user,
    secretFile: secretFileFlag("secret-file", "the initiator's secret"),
    secret: secretTextFlag("secret", "The initiator's secret"),
    mutualUser: Flag.String("mutual-user").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("Name that the target authenticates by"),
      Flag.optional
    ),
    mutualSecretFile: secretFileFlag("mutual-secret-file", "the target's secret"),
    mutualSecret: secretTextFlag("mutual-secret", "The target's secret")
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const { group, user } = input
        const tag = yield* tagOf(call, "auth", group)
        const isMutual = Option.isSome(input.mutualUser)
        if (!isMutual && (Option.isSome(input.mutualSecret) || Option.isSome(input.mutualSecretFile))) {
          return yield* new CliFailure({ message: "a mutual secret needs --mutual-user" })
        }
        const secret = yield* readSecret({
          what: `the secret of ${user}`,
          file: input.secretFile,
          text: input.secret,
          variable: "LUNLOG_CHAP_SECRET",
          fileFlag: "secret-file"
        })
        const mutual = Option.isSome(input.mutualUser)
          ? {
              muser: input.mutualUser.value,
              msecret: yield* readSecret({
                what: `the target's secret as ${input.mutualUser.value}`,
                file: input.mutualSecretFile,
                text: input.mutualSecret,
                variable: "LUNLOG_CHAP_MUTUAL_SECRET",
                fileFlag: "mutual-secret-file"
              })
            }
          : {}
        yield* call("iscsi_auth_group_add_secret", { tag, user, secret, ...mutual })
        if ("msecret" in mutual && mutual.msecret === secret) {
          yield* Console.error(`warning: ${printable(user)} ${equalSecretsHint}`)
        }
        return { json: { tag, user }, text: `auth group ${group} has a secret of ${printable(user)}` }
      })
    )
).pipe(
  about(
    "Add a user with a secret. Asks for the secret on a terminal; else LUNLOG_CHAP_SECRET and " +
      "LUNLOG_CHAP_MUTUAL_SECRET of the environment, or files.",
    "auth add-secret 1 host1",
    "auth add-secret 1 host1 --secret-file /run/secrets/host1"
  )
)

const removeSecret = Command.make("remove-secret", { ...shared, group, user }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      const tag = yield* tagOf(call, "auth", input.group)
      yield* call("iscsi_auth_group_remove_secret", { tag, user: input.user })
      return { json: true, text: `auth group ${input.group} has no secret of ${printable(input.user)} any more` }
    })
  )
).pipe(about("Take a user with the secret out of a group.", "auth remove-secret 1 host1"))

const remove = Command.make("delete", { ...shared, group }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      yield* call("iscsi_delete_auth_group", { tag: yield* tagOf(call, "auth", input.group) })
      return { json: true, text: `auth group ${input.group} is gone` }
    })
  )
).pipe(about("Delete an auth group.", "auth delete 1"))

const discovery = Command.make("discovery", { ...shared, ...chapFlags }, (input) =>
  act(input, (call) =>
    Effect.gen(function* () {
      const { chap_group } = yield* ask(call, IscsiOptions, "iscsi_get_options")
      const params = yield* chapParams(call, input.chap, input.chapGroup, chap_group)
      yield* call("iscsi_set_discovery_auth", params)
      yield* warnOfGroup(call, input.chap, params.chap_group)
      const group = params.chap_group === 0 ? "" : `, auth group ${params.chap_group}`
      return { json: true, text: `discovery: CHAP ${input.chap}${group}; later logins count` }
    })
  )
).pipe(about("Say who must authenticate to discover targets.", "auth discovery --chap off"))

/** The noun. */
export const authNoun = Command.make("auth").pipe(
  Command.withDescription("CHAP secrets (auth groups): list, create, add-secret, remove-secret, delete, discovery."),
  Command.withSubcommands([list, create, addSecret, removeSecret, remove, discovery])
)
