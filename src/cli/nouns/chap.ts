/** Who must authenticate, as people say it: one word in place of three booleans. */
import { Console, Effect, Option } from "effect"
import { Flag } from "effect/cli"
import type { Call } from "../rpc/rpc-session.ts"
import { AuthGroups, ask } from "./answers.ts"
import { tagOf } from "./groups.ts"

const chapModes = ["auto", "off", "required", "mutual"] as const
type ChapMode = (typeof chapModes)[number]

/** The booleans of SPDK's answers. */
interface ChapSettings {
  readonly disable_chap: boolean
  readonly require_chap: boolean
  readonly mutual_chap: boolean
}

/** The word for them. */
export const chapOf = ({ disable_chap, mutual_chap, require_chap }: ChapSettings): ChapMode => {
  if (disable_chap) return "off"
  if (!require_chap) return "auto"
  return mutual_chap ? "mutual" : "required"
}

/** What SPDK's methods take. A group that is not named stays the one that is set now: `now`. */
export const chapParams = (call: Call, mode: ChapMode, group: Option.Option<string>, now: number) =>
  Effect.map(Option.isSome(group) ? tagOf(call, "auth", group.value) : Effect.succeed(now), (tag) => ({
    disable_chap: mode === "off",
    require_chap: mode === "required" || mode === "mutual",
    mutual_chap: mode === "mutual",
    chap_group: tag
  }))

/** Warns of a group that lets nobody in. The target takes it, since it may come later; a typing error is likelier. */
export const warnOfGroup = (call: Call, mode: ChapMode, tag: number) =>
  Effect.gen(function* () {
    if (mode === "off" || (tag === 0 && mode === "auto")) return
    const remedy = "nobody can pass CHAP until"
    if (tag === 0) return yield* Console.error(`warning: no auth group is set: ${remedy} --chap-group names one`)
    const group = (yield* ask(call, AuthGroups, "iscsi_get_auth_groups")).find((one) => one.tag === tag)
    if (group === undefined) {
      yield* Console.error(`warning: auth group ${tag} does not exist: ${remedy} lunlog auth create ${tag}`)
    } else if (group.secrets.length === 0) {
      yield* Console.error(`warning: auth group ${tag} has no user: ${remedy} lunlog auth add-secret ${tag} USER`)
    } else if (mode === "mutual" && group.secrets.every(({ muser }) => muser === undefined)) {
      const remove = "remove it, and add it with --mutual-user"
      yield* Console.error(`warning: no user of auth group ${tag} has a mutual secret: nobody can log in; ${remove}`)
    }
  })

const chap = Flag.Literals("chap", chapModes).pipe(
  Flag.withDescription("off, auto (if the initiator asks for it), required, mutual (the target too)")
)
const chapGroup = Flag.String("chap-group").pipe(
  Flag.withMetavar("GROUP"),
  Flag.withDescription("Auth group with the secrets, by tag or name; 0 for none. Default: the one that is set"),
  Flag.optional
)

/** `--chap` and `--chap-group` of something new, which is `auto` unless said otherwise. */
export const newChapFlags = { chap: Flag.withDefault(chap, "auto" as const), chapGroup }

/** The same of what is there: whoever leaves `--chap` out must not open it unawares. */
export const chapFlags = { chap, chapGroup }
