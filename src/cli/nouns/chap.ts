/** Who must authenticate, as people say it: one word in place of three booleans. */
import { Effect, Option } from "effect"
import { Flag } from "effect/cli"
import type { Call } from "../rpc/rpc-session.ts"
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
