/** Which records: the flags that all commands on the event log share, and the parameters that they make. */
import { Effect, Option } from "effect"
import { Flag } from "effect/cli"
import { optionalPlace, placeFlag } from "./place-flag.ts"

const several = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.between(0, 32))

/** Of one kind any may hold, of different kinds all must. */
export const filterFlags = {
  type: several("type", "TYPE", "Only records of this type; * and ? stand for any letters. May be given several times"),
  object: several(
    "object",
    "OBJECT",
    "Only what is about this target, LUN (TARGET:ID), bdev, group, session, initiator, address. May be repeated"
  ),
  initiator: several("initiator", "NAME", "Only what is about this initiator, by name or address. May be repeated"),
  cause: several("cause", "WHO", "Only what was asked for so: rpc, cli, a method, a user, a record. May be repeated"),
  kind: Flag.Literals("kind", ["control", "observation"]).pipe(
    Flag.withDescription("Only changes of the state (control), or only what was observed"),
    Flag.optional
  ),
  errors: Flag.Boolean("errors").pipe(Flag.withDescription("Only what went wrong"), Flag.withDefault(false)),
  grep: several("grep", "TEXT", "Only records whose words have this text in them, in any case. May be repeated"),
  since: placeFlag("since", 'From here on: a record, -100, 14:03, "10 minutes ago" ...'),
  until: placeFlag("until", "Up to here")
}

/** What the flags say. */
export interface FilterInput {
  readonly type: ReadonlyArray<string>
  readonly object: ReadonlyArray<string>
  readonly initiator: ReadonlyArray<string>
  readonly cause: ReadonlyArray<string>
  readonly kind: Option.Option<"control" | "observation">
  readonly errors: boolean
  readonly grep: ReadonlyArray<string>
  readonly since: Option.Option<string>
  readonly until: Option.Option<string>
}

const some = (texts: ReadonlyArray<string>): ReadonlyArray<string> | undefined =>
  texts.length === 0 ? undefined : texts

/** Parameters of `eventlog_*`. */
export const filterMembers = (input: FilterInput) =>
  Effect.gen(function* () {
    return {
      type: some(input.type),
      object: some(input.object),
      initiator: some(input.initiator),
      cause: some(input.cause),
      kind: Option.getOrUndefined(input.kind),
      errors: input.errors || undefined,
      grep: some(input.grep),
      since: yield* optionalPlace(input.since),
      until: yield* optionalPlace(input.until)
    }
  })
