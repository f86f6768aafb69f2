/** `lunlog fork`: a second target that goes on from a moment of another one's log, in the foreground. */
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { jsonFlag } from "../log/log-flags.ts"
import { optionalPlace, placeParam } from "../log/place-flag.ts"
import { paceFlags, paceOf } from "../replay/replay-flags.ts"
import { telemetryLayer } from "../serve/otlp/telemetry-layer.ts"
import { planReactors, reactorFlags } from "../serve/reactor-flags.ts"
import type { LoadDataPlane } from "../serve/serve-command.ts"
import { serverFlags, socketFlag } from "../serve/server-flags.ts"
import { portalWishOf } from "./portal-wish.ts"

/** Bytes of a socket's path (sun_path of Linux, less its end). */
const socketPathMax = 107

const forkFlags = {
  at: Flag.String("at").pipe(
    Flag.withMetavar("PLACE"),
    Flag.withDescription(
      'The moment: a record\'s number, HEAD, -5 (back from the end), 14:03, "10 minutes ago", 2026-11-22T14:03:05Z'
    )
  ),
  socket: socketFlag,
  state: Flag.String("state").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription(
      "Fork the target of this idle or copied state directory, or of an incident bundle, not a running one"
    ),
    Flag.optional
  ),
  forkState: Flag.String("fork-state").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription("State directory of the fork: a new or empty one (default: beside the source's)"),
    Flag.optional
  ),
  forkSocket: Flag.String("fork-socket").pipe(
    Flag.withMetavar("PATH"),
    Flag.withDescription("Control socket of the fork (default: rpc.sock in its state directory)"),
    Flag.optional
  ),
  portOffset: Flag.Int("port-offset").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Listen N ports above the source's (default: an N that is free on this host)"),
    Flag.optional
  ),
  portal: Flag.String("portal").pipe(
    Flag.withMetavar("ADDRESS[:PORT]"),
    Flag.withDescription("Listen on this address, one port for each portal of the source"),
    Flag.optional
  ),
  data: Flag.Literals("data", ["empty", "snapshot"]).pipe(
    Flag.withDescription(
      "empty: disks of the same size without content (default); snapshot: with a copy of what the source's hold now"
    ),
    Flag.withDefault("empty" as const)
  ),
  keepIdentity: Flag.Boolean("keep-identity").pipe(
    Flag.withDescription("Keep target names and disk ids: for hosts that are not connected to the source"),
    Flag.withDefault(false)
  ),
  suffix: Flag.String("suffix").pipe(
    Flag.withMetavar("TEXT"),
    Flag.withDescription("What follows a dash at the end of target names (default: fork- and six digits)"),
    Flag.filter(
      (text) => /^[a-z0-9.:-]{1,63}$/u.test(text),
      (text) => `${JSON.stringify(text.slice(0, 80))} cannot end a target's name; use a-z, 0-9, ".", ":" and "-"`
    ),
    Flag.optional
  ),
  json: jsonFlag("What is served, as JSON, once initiators are let in"),
  replay: Flag.Boolean("replay").pipe(
    Flag.withDescription("Play what has happened to the source since that moment into the fork: docs/fork.md"),
    Flag.withDefault(false)
  ),
  until: Flag.String("until").pipe(
    Flag.withMetavar("PLACE"),
    Flag.withDescription("With --replay: up to this moment only (default: up to now)"),
    Flag.optional
  ),
  paused: Flag.Boolean("paused").pipe(
    Flag.withDescription("With --replay: wait for lunlog replay next, until or run"),
    Flag.withDefault(false)
  ),
  ...paceFlags,
  removalDeadline: serverFlags.removalDeadline,
  spdkIdentities: serverFlags.spdkIdentities,
  ...reactorFlags,
  logFormat: serverFlags.logFormat
}

const isTooLong = (path: string): boolean => Buffer.byteLength(path) > socketPathMax

/** Before anything is made. */
const checkSocket = (given: string | undefined): Effect.Effect<void, CliFailure> => {
  if (given === undefined || !isTooLong(given)) return Effect.void
  const message = `--fork-socket ${given} is too long for a socket: at most ${socketPathMax} bytes`
  return Effect.fail(new CliFailure({ message }))
}

/** In the state directory, if the path is not too long for a socket. */
const defaultSocket = (directory: string): string => {
  const inside = join(directory, "rpc.sock")
  return isTooLong(inside) ? join(tmpdir(), `${basename(directory).slice(-40)}.sock`) : inside
}

/** What `--replay` and its companions come to; undefined: nothing is played. */
const replayOf = (input: {
  readonly replay: boolean
  readonly paused: boolean
  readonly until: Option.Option<string>
  readonly speed: string
  readonly maxGap: Option.Option<number>
}) =>
  Effect.gen(function* () {
    const until = yield* optionalPlace(input.until)
    if (input.replay) return { until, pace: input.paused ? undefined : paceOf(input) }
    if (!input.paused && until === undefined && input.speed === "max" && Option.isNone(input.maxGap)) return undefined
    return yield* new CliFailure({ message: "--until, --paused, --speed and --max-gap say how to --replay: add it" })
  })

/** It was made, and then could not be served. */
const stays =
  (directory: string) =>
  ({ message }: CliFailure): CliFailure =>
    new CliFailure({
      message: `${message}\nthe fork stays: lunlog serve --state ${directory} goes on with it`
    })

const description =
  "Start a copy of a target as it was at a moment of its log: on other ports, with a state directory and disks of " +
  "its own, until Ctrl-C. The source is only read."

const examples = [
  { command: 'lunlog fork --at "10 minutes ago"', description: "As it was, with empty disks" },
  {
    command: "lunlog fork --at 4711 --port-offset 1000 --data snapshot",
    description: "As of a record, on ports 4260 and so on, with copies of what the disks hold now"
  },
  {
    command: "lunlog fork --at 14:03 --replay --paused",
    description: "As it was then, to see step by step what happened (lunlog replay)"
  },
  {
    command: "lunlog fork --at HEAD --state /backup/lunlog --portal 127.0.0.1",
    description: "From a copy of a state directory, for hosts of this machine"
  }
]

/** The command; `load` brings in the server's code. */
export const forkCommand = (load: LoadDataPlane) =>
  Command.make(
    "fork",
    forkFlags,
    Effect.fn(function* (input) {
      const { makeFork } = yield* Effect.promise(() => import("./make-fork.ts"))
      const { loadMemory } = yield* Effect.promise(() => import("./fill-disks.ts"))
      const { forkJson, forkText, takenNotes } = yield* Effect.promise(() => import("./fork-text.ts"))
      const { runServer } = yield* Effect.promise(() => import("../serve/run-server.ts"))
      const { playWhileServing } = yield* Effect.promise(() => import("../replay/play-while-serving.ts"))
      const { serverReady } = yield* Effect.promise(() => import("../serve/ready.ts"))
      const { ControlPlane } = yield* Effect.promise(() => import("../../domain/ControlPlane.ts"))
      const { DataPlane } = yield* Effect.promise(() => import("../../domain/DataPlane.ts"))
      yield* checkSocket(Option.getOrUndefined(input.forkSocket))
      const replay = yield* replayOf(input)
      const wish = {
        at: yield* placeParam(input.at),
        source: Option.getOrUndefined(input.state),
        socketPath: input.socket,
        directory: Option.getOrUndefined(input.forkState),
        portals: yield* portalWishOf(Option.getOrUndefined(input.portOffset), Option.getOrUndefined(input.portal)),
        keepIdentity: input.keepIdentity,
        suffix: Option.getOrUndefined(input.suffix),
        data: input.data,
        replay
      }
      const fork = yield* Effect.scoped(makeFork(wish))
      const socketPath = Option.getOrElse(input.forkSocket, () => defaultSocket(fork.directory))
      const tell = Effect.gen(function* () {
        const state = (yield* ControlPlane).state()
        if (state.fork === undefined) return
        const { portals } = yield* (yield* DataPlane).status
        const told = { ...fork, warnings: [...fork.warnings, ...takenNotes(portals)] }
        const shown = [told, state, state.fork, socketPath] as const
        yield* Console.log(input.json ? printJson(forkJson(...shown)) : forkText(...shown))
      })
      const settings = {
        stateDirectory: fork.directory,
        stateMode: "resume",
        socketPath,
        removalDeadlineMillis: input.removalDeadline,
        identityStyle: input.spdkIdentities ? "spdk" : "uuid",
        reactors: planReactors(input),
        waitForRpc: false,
        acceptLogLoss: false,
        configure: loadMemory(fork.disks),
        onReady: Effect.andThen(serverReady, tell),
        ...(replay === undefined ? {} : { whileServing: playWhileServing(replay.pace, input.json) })
      } as const
      yield* runServer(settings, yield* Effect.promise(load)).pipe(
        Effect.mapError(stays(fork.directory)),
        Effect.provide(telemetryLayer({ format: input.logFormat }))
      )
    })
  ).pipe(Command.withDescription(description), Command.withExamples(examples))
