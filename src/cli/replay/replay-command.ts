/** `lunlog replay`: what happened to a fork's source, played into the fork, step by step or on at a pace. */
import { Clock, Console, Effect, Result } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { parsePosition, positionText } from "../../history/position.ts"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { jsonFlag } from "../log/log-flags.ts"
import { connectAs } from "../rpc/rpc-call.ts"
import { socketFlag } from "../serve/server-flags.ts"
import { askReplay, printStanding, watchReplay } from "./replay-client.ts"
import { paceFlags, paceParams } from "./replay-flags.ts"
import { statusText } from "./replay-text.ts"

/** Steps of one call. */
const stepsPerCall = 100
const stepsMax = 1_000_000
/** A search tells what was passed so often, in milliseconds. */
const sliceMillis = 500
const pollMillis = 250

const socket = { socket: socketFlag }
const recordsJson = jsonFlag("The records that are passed as JSON, one per line")

const status = Command.make(
  "status",
  { ...socket, json: jsonFlag() },
  Effect.fn(function* (input) {
    const answer = yield* askReplay(yield* connectAs(input.socket), "status")
    yield* Console.log(input.json ? printJson(answer) : statusText(answer))
  }, Effect.scoped)
).pipe(Command.withDescription("Show how far it is, and which record comes next."))

const next = Command.make(
  "next",
  {
    ...socket,
    count: Argument.Int("count").pipe(
      Argument.withDescription("How many steps (default 1)"),
      Argument.filter(
        (value) => value >= 1 && value <= stepsMax,
        (value) => `${value} is out of range; use 1 to ${stepsMax}`
      ),
      Argument.withDefault(1)
    ),
    json: recordsJson
  },
  Effect.fn(function* (input) {
    const { client, passed } = yield* watchReplay(input.socket, input.json)
    let answer = yield* askReplay(client, "next", { count: Math.min(input.count, stepsPerCall) })
    for (let left = input.count - stepsPerCall; ; left -= stepsPerCall) {
      yield* passed.print
      if (left <= 0 || answer.state !== "paused") break
      answer = yield* askReplay(client, "next", { count: Math.min(left, stepsPerCall) })
    }
    yield* printStanding(answer, input.json)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Play the next steps: what the source wrote at once, or one observation. When it ends, initiators see it."
  )
)

/** A place is meant where and when it is typed; anything else is taken as it is. */
const conditionParam = (text: string): Effect.Effect<string> =>
  Effect.map(Clock.currentTimeMillis, (nowMillis) => {
    const position = parsePosition(text, { nowMillis, zone: "local" })
    return Result.isSuccess(position) ? positionText(position.success) : text
  })

const until = Command.make(
  "until",
  {
    ...socket,
    condition: Argument.String("condition").pipe(
      Argument.withDescription(
        "A type of records (LunRemoved, 'Lun*'), a place in the source's log (4711, 14:03), or an object of it " +
          "(a target, TARGET:LUN, a bdev, an initiator)"
      )
    ),
    before: Flag.Boolean("before").pipe(
      Flag.withDescription("Stop before it, so that it happens with the next step"),
      Flag.withDefault(false)
    ),
    ...paceFlags,
    json: recordsJson
  },
  Effect.fn(function* (input) {
    const { client, passed } = yield* watchReplay(input.socket, input.json)
    const condition = yield* conditionParam(input.condition)
    const params = { condition, before: input.before, ...paceParams(input), timeout: sliceMillis }
    for (;;) {
      const answer = yield* askReplay(client, "until", params)
      yield* passed.print
      const isPlace = /^(?:\d+$|HEAD|\d{4}-)/u.test(condition)
      if (answer.met === true || (answer.state !== "paused" && isPlace)) return yield* printStanding(answer, input.json)
      if (answer.state === "paused") continue
      yield* printStanding(answer, input.json)
      return yield* new CliFailure({ message: `${input.condition} has not come before the end` })
    }
  }, Effect.scoped)
).pipe(
  Command.withDescription("Play until something comes. Ctrl-C waits there."),
  Command.withExamples([
    { command: "lunlog replay until LunRemovalStarted --before", description: "Up to the moment before a LUN goes" },
    { command: "lunlog replay until disk1:2", description: "Up to the next record about LUN 2 of disk1" },
    { command: "lunlog replay until 14:03 --speed 10", description: "Up to a time, ten times as fast as it was" }
  ])
)

const run = Command.make(
  "run",
  {
    ...socket,
    ...paceFlags,
    detach: Flag.Boolean("detach").pipe(
      Flag.withDescription("Do not wait for its end and print nothing"),
      Flag.withDefault(false)
    ),
    json: recordsJson
  },
  Effect.fn(function* (input) {
    const { client, passed } = yield* watchReplay(input.socket, input.json)
    const begun = yield* askReplay(client, "run", paceParams(input))
    if (input.detach) return yield* printStanding(begun, input.json)
    const followed = Effect.gen(function* () {
      for (;;) {
        const answer = yield* passed.print
        if (answer.state !== "running") return answer
        yield* Effect.sleep(pollMillis)
      }
    })
    const left = Console.error("the replay goes on; lunlog replay pause makes it wait")
    yield* printStanding(yield* Effect.onInterrupt(followed, () => left), input.json)
  }, Effect.scoped)
).pipe(
  Command.withDescription("Play on to the end, and print what is passed. Ctrl-C leaves it running."),
  Command.withExamples([
    { command: "lunlog replay run --speed 1 --max-gap 5s", description: "As it was, but for the hours between" }
  ])
)

const told = (name: string, description: string) =>
  Command.make(
    name,
    { ...socket, json: jsonFlag() },
    Effect.fn(function* (input) {
      const answer = yield* askReplay(yield* connectAs(input.socket), name)
      yield* Console.log(input.json ? printJson(answer) : statusText(answer))
    }, Effect.scoped)
  ).pipe(Command.withDescription(description))

/** The commands on the replay of a fork. */
export const replayCommand = Command.make("replay").pipe(
  Command.withDescription(
    "Play what happened to a target into a fork of it (lunlog fork --replay). -r names the fork's socket."
  ),
  Command.withSubcommands([
    status,
    next,
    until,
    run,
    told("pause", "Wait after the present step."),
    told("stop", "End it for good: the fork goes on as a target of its own.")
  ])
)
