/** `lunlog session`: who is logged in. */
import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CliFailure } from "../CliFailure.ts"
import { printable } from "../printable.ts"
import { durationFlag } from "../serve/server-flags.ts"
import { about, act, listing, shared } from "./act.ts"
import { ask, Sessions } from "./answers.ts"

/** Of a connection that has no session. */
const noTsih = 65535

const sessionTable = (sessions: Sessions): string =>
  listing(
    "no session",
    ["SESSION", "CONNECTION", "INITIATOR", "ADDRESS", "TARGET", "GROUP", "PHASE"],
    sessions.map((session) => [
      session.tsih === noTsih ? "-" : String(session.tsih),
      String(session.id),
      printable(session.initiator_name),
      session.initiator_addr,
      session.target_name === "" ? "(discovery)" : session.target_name,
      String(session.portal_group_tag),
      session.login_phase
    ])
  )

const list = Command.make("list", shared, (input) =>
  act(input, (call) =>
    Effect.map(ask(call, Sessions, "lunlog_get_sessions"), (sessions) => ({
      json: sessions,
      text: sessionTable(sessions)
    }))
  )
).pipe(about("List the sessions.", "session list"))

const nobody = new CliFailure({
  message: "which session? Give its number from lunlog session list, an initiator's name, or --target NAME"
})

/** A number is the session's, anything else the initiator's name. */
const selectorOf = (who: string | undefined) => {
  if (who === undefined) return {}
  return /^\d{1,5}$/.test(who) ? { tsih: Number(who) } : { initiator: who }
}

const kick = Command.make(
  "kick",
  {
    ...shared,
    who: Argument.String("session").pipe(
      Argument.withDescription("Number of the session, or name of the initiator"),
      Argument.optional
    ),
    target: Flag.String("target").pipe(Flag.withDescription("Only sessions with this target"), Flag.optional),
    connection: Flag.Int("connection").pipe(Flag.withDescription("Only this connection"), Flag.optional),
    within: durationFlag("within", "How long they may take to log out (default 30s); then they are cut").pipe(
      Flag.optional
    )
  },
  (input) =>
    act(input, (call) =>
      Effect.gen(function* () {
        const wanted = {
          ...selectorOf(Option.getOrUndefined(input.who)),
          ...(Option.isSome(input.target) ? { target: input.target.value } : {}),
          ...(Option.isSome(input.connection) ? { id: input.connection.value } : {})
        }
        if (Object.keys(wanted).length === 0) return yield* nobody
        const timeout = Option.isSome(input.within) ? { timeout: input.within.value } : {}
        const asked = yield* ask(call, Sessions, "lunlog_kick_session", { ...wanted, ...timeout })
        const text = `asked to log out; who stays is cut:\n${sessionTable(asked)}`
        return { json: asked, text }
      })
    )
).pipe(
  about(
    "Ask sessions to log out, and cut those that do not. Initiators may log in again: take the map or the name away " +
      "first.",
    "session kick 3",
    "session kick iqn.2020-01.org.example:host1 --target disk1 --within 5s"
  )
)

/** The noun. */
export const sessionNoun = Command.make("session").pipe(
  Command.withDescription("Who is logged in: list, kick."),
  Command.withSubcommands([list, kick])
)
