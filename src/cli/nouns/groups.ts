/** Groups as people name them: by tag, or by the name that a configuration file has given them. */
import { Effect } from "effect"
import { Argument } from "effect/cli"
import { closest } from "../../config/native/closest.ts"
import { CliFailure } from "../CliFailure.ts"
import type { Call } from "../rpc/rpc-session.ts"
import { AuthGroups, ask, InitiatorGroups, PortalGroups } from "./answers.ts"

/** A group in what the target answers; names are unique among the groups of a kind, and never digits alone. */
export interface NamedGroup {
  readonly tag: number
  readonly name?: string
}

/** Which groups, as messages and nouns call them. */
export type GroupKind = "portal" | "initiator" | "auth"

/** The groups of a kind. */
export const askGroups = (call: Call, kind: GroupKind): Effect.Effect<ReadonlyArray<NamedGroup>, CliFailure> => {
  switch (kind) {
    case "portal":
      return ask(call, PortalGroups, "iscsi_get_portal_groups")
    case "initiator":
      return ask(call, InitiatorGroups, "iscsi_get_initiator_groups")
    case "auth":
      return ask(call, AuthGroups, "iscsi_get_auth_groups")
  }
}

/** An argument for a group. */
export const groupArgument = (name: string, description: string) =>
  Argument.String(name).pipe(Argument.withDescription(description))

/** `front (1)`, or `1` for a group without a name. */
export const groupText = ({ name, tag }: NamedGroup): string => (name === undefined ? String(tag) : `${name} (${tag})`)

/** The tag of a group. Tags are taken as they are: the target says if there is none. */
export const tagOf = (call: Call, kind: GroupKind, word: string): Effect.Effect<number, CliFailure> => {
  if (/^-?\d+$/.test(word)) return Effect.succeed(Number(word))
  return Effect.flatMap(askGroups(call, kind), (groups) => {
    const found = groups.find(({ name }) => name === word)
    if (found !== undefined) return Effect.succeed(found.tag)
    const names = groups.flatMap(({ name }) => (name === undefined ? [] : [name]))
    const meant = closest(word, names)
    const hint = meant === undefined ? `lunlog ${kind} list shows those that are there` : `did you mean ${meant}?`
    const message = `there is no ${kind} group with the name ${JSON.stringify(word)}; ${hint}`
    return Effect.fail(new CliFailure({ message }))
  })
}

/** `PORTAL_GROUP:INITIATOR_GROUP`, each by tag or name. */
export const mapOf = (call: Call, word: string) => {
  const [portal = "", initiator = "", more] = word.split(":")
  if (portal === "" || initiator === "" || more !== undefined) {
    const allowed = "PORTAL_GROUP:INITIATOR_GROUP is expected, such as 1:2"
    return Effect.fail(new CliFailure({ message: `the map ${JSON.stringify(word)}: ${allowed}` }))
  }
  return Effect.all({ pg_tag: tagOf(call, "portal", portal), ig_tag: tagOf(call, "initiator", initiator) })
}

interface MapView {
  readonly pg_tag: number
  readonly ig_tag: number
  readonly luns?: ReadonlyArray<number>
  readonly read_only?: boolean
}

/** Gives maps as `mapOf` takes them, by name where there is one, with what they are narrowed to. */
export const describeMaps = (call: Call) =>
  Effect.gen(function* () {
    const portals = yield* askGroups(call, "portal")
    const initiators = yield* askGroups(call, "initiator")
    const shown = (groups: ReadonlyArray<NamedGroup>, tag: number): string =>
      groups.find((group) => group.tag === tag)?.name ?? String(tag)
    return ({ ig_tag, luns, pg_tag, read_only }: MapView): string => {
      const narrowed = luns === undefined ? "" : `, ${luns.length === 1 ? "LUN" : "LUNs"} ${luns.join(" ")}`
      const readOnly = read_only === true ? ", read-only" : ""
      return `${shown(portals, pg_tag)}:${shown(initiators, ig_tag)}${narrowed}${readOnly}`
    }
  })
