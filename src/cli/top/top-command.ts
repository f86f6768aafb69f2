/** `lunlog top`: IO per second, MB/s and latencies of LUNs and sessions, as they are now. */
import { Clock, Console, Effect, Option, Schema, type Scope, Terminal } from "effect"
import { Command, Flag } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { type CliFailure, unexpectedAnswer } from "../CliFailure.ts"
import { callMethod, connectAs } from "../rpc/rpc-call.ts"
import { boundedInt, durationFlag, socketFlag } from "../serve/server-flags.ts"
import { remembered, type TopRates, TopSample, topRates } from "./top-rates.ts"
import { quitKey, takeScreen } from "./top-screen.ts"
import { showSince, sinceFlag } from "./top-since.ts"
import { topText } from "./top-text.ts"

const intervalDefault = 1000
/** Shorter than this a person sees nothing, and a busy target is kept busy with it; in milliseconds. */
const intervalMin = 100
/** LUNs that are asked for again and again, also if they are idle. */
const lunsMax = 500
/** A page of a file, or of a log. */
const paper = { rows: 100, columns: Number.POSITIVE_INFINITY }
/** How long to leave a target alone that has gone, in milliseconds. */
const comeBackMillis = 500

/** Takes a sample. Where there are many LUNs, of those that have done something since `before`. */
type Take = (before: TopSample | undefined) => Effect.Effect<TopSample, CliFailure>

/** Where rates go, and word of a target that is away. */
export interface TopOutput {
  readonly rates: (rates: TopRates) => Effect.Effect<void>
  readonly away: (reason: string) => Effect.Effect<void>
}

/**
 * Shows one interval after the other. A target that goes away once there were rates may restart meanwhile; then its
 * counters begin anew.
 */
export const watchRates = (
  open: Effect.Effect<Take, CliFailure, Scope.Scope>,
  { away, rates }: TopOutput,
  { count, intervalMillis }: { readonly count: number; readonly intervalMillis: number }
): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    let shown = 0
    let hasBegun = false
    let isAway = false
    const connected = Effect.gen(function* () {
      const take = yield* open
      let before = yield* take(undefined)
      hasBegun = true
      isAway = false
      while (shown < count) {
        yield* Effect.sleep(intervalMillis)
        const now = yield* take(before)
        yield* rates(topRates(before, now))
        before = remembered(before, now)
        shown++
      }
    })
    for (;;) {
      const failure = yield* Effect.matchEffect(Effect.scoped(connected), {
        onSuccess: () => Effect.succeed(undefined),
        onFailure: (error) => (hasBegun ? Effect.succeed(error) : Effect.fail(error))
      })
      if (failure === undefined) return
      if (!isAway) yield* away(failure.message)
      isAway = true
      yield* Effect.sleep(comeBackMillis)
    }
  })

const decodeSample = Schema.decodeUnknownEffect(TopSample)

const openSource = (socket: string): Effect.Effect<Take, CliFailure, Scope.Scope> =>
  Effect.map(
    connectAs(socket),
    (client): Take =>
      (before) => {
        const areMany = before !== undefined && before.lun_count > lunsMax
        const params = areMany ? { active_since: before.at_nanos } : undefined
        return Effect.flatMap(callMethod(client, "lunlog_get_statistics", params), (answer) =>
          Effect.mapError(decodeSample(answer), unexpectedAnswer)
        )
      }
  )

const onStderr = (reason: string) => Console.error(`${reason}\nwaiting for the target to come back; Ctrl-C ends this`)

const asJson: TopOutput = {
  rates: (rates) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Console.log(printJson({ at: new Date(now).toISOString(), ...rates }))
    ),
  away: onStderr
}

const asText: TopOutput = {
  rates: (rates) => Console.log(`${topText(rates, paper).join("\n")}\n`),
  away: onStderr
}

const onTerminal = (
  open: Effect.Effect<Take, CliFailure, Scope.Scope>,
  limits: { readonly count: number; readonly intervalMillis: number }
): Effect.Effect<void, CliFailure, Terminal.Terminal> =>
  Effect.gen(function* () {
    const terminal = yield* Terminal.Terminal
    // What can't be reached is told on the screen that stays.
    yield* Effect.scoped(Effect.flatMap(open, (take) => take(undefined)))
    const screen = yield* takeScreen(terminal)
    yield* screen.show(["measuring ...", "", "q ends this"])
    const output: TopOutput = {
      rates: (rates) => Effect.flatMap(screen.size, (size) => screen.show(topText(rates, size))),
      away: (reason) => screen.show([...reason.split("\n"), "", "waiting for the target to come back; q ends this"])
    }
    const watching = watchRates(open, output, limits)
    yield* process.stdin.isTTY ? Effect.raceFirst(watching, quitKey(terminal)) : watching
  }).pipe(Effect.scoped)

/** The command. */
export const topCommand = Command.make(
  "top",
  {
    socket: socketFlag,
    interval: durationFlag("interval", "How long one interval is (default 1s, at least 100ms)").pipe(
      Flag.filter(
        (millis) => millis >= intervalMin,
        (millis) => `${millis}ms is too short; use ${intervalMin}ms or more`
      ),
      Flag.withDefault(intervalDefault)
    ),
    count: boundedInt("count", 1, 1_000_000_000).pipe(
      Flag.withAlias("n"),
      Flag.withMetavar("N"),
      Flag.withDescription("End after so many intervals; without it q or Ctrl-C ends"),
      Flag.optional
    ),
    since: sinceFlag,
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("As JSON, one object per interval and line"),
      Flag.withDefault(false)
    )
  },
  Effect.fn(function* (input) {
    if (Option.isSome(input.since)) return yield* showSince(input.socket, input.since.value, input.json)
    const open = openSource(input.socket)
    const count = Option.getOrElse(input.count, () => Number.POSITIVE_INFINITY)
    const limits = { count, intervalMillis: input.interval }
    if (input.json) return yield* watchRates(open, asJson, limits)
    yield* process.stdout.isTTY ? onTerminal(open, limits) : watchRates(open, asText, limits)
  })
).pipe(
  Command.withDescription("Watch IO per second, MB/s and latencies of LUNs and sessions."),
  Command.withExamples([
    { command: "lunlog top" },
    { command: "lunlog top --interval 5s -n 12 --json" },
    { command: "lunlog top --since 10m", description: "what the target has been doing before anybody looked" }
  ])
)
