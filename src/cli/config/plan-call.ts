/** How the command line asks a running target to plan and apply a file. */
import { Effect, Schema, type Scope } from "effect"
import type { NativeFile } from "../../config/native/NativeFile.ts"
import type { CallFailed, RpcClient } from "../../rpc/RpcClient.ts"
import { CliFailure, failureOf } from "../CliFailure.ts"
import { callMethod, connectAs, refusedCall } from "../rpc/rpc-call.ts"
import { PlanView } from "./plan-text.ts"

/** Characters in one request; escaped, they may be six times as many. */
const chunkLength = 32 * 1024
/** For everything to be applied and drained: 10,000 LUNs take minutes on a slow disk. In milliseconds. */
const applyTimeoutMillis = 3_600_000
/** `EAGAIN` on the wire. */
const movedCode = -11

/** Flags of `plan` and `apply`, as the methods take them. */
export interface PlanFlags {
  readonly enforce: boolean
  readonly prune: boolean
  readonly replace: boolean
  readonly target?: string
}

/** A file that is uploaded to a target. */
export interface PlanSession {
  readonly client: RpcClient
  readonly file: NativeFile
  readonly flags: PlanFlags
}

/** The target is another than the one that was planned for. */
export class TargetMoved extends Schema.TaggedError<TargetMoved>()("TargetMoved", {}) {}

const ProblemData = Schema.Struct({
  problems: Schema.Array(
    Schema.Struct({ path: Schema.Array(Schema.Union([Schema.String, Schema.Number])), message: Schema.String })
  )
})
const readProblems = Schema.decodeUnknownOption(ProblemData)
const readPlan = Schema.decodeUnknownEffect(PlanView)

type Problems = (typeof ProblemData.Type)["problems"]

/** With file, line and column, as the file knows them. */
export const refusedFile = (file: NativeFile, problems: Problems): CliFailure => {
  const lines = problems.map(({ message, path }) => file.problem(path, message))
  return new CliFailure({ message: `the configuration ${file.name} cannot be applied\n${lines.join("\n")}` })
}

const failureOfCall = (file: NativeFile, error: CallFailed): CliFailure => {
  const data = readProblems(error.data)
  return data._tag === "Some" ? refusedFile(file, data.value.problems) : refusedCall(error)
}

const otherVersion = (error: { readonly message: string }): CliFailure =>
  new CliFailure({
    message:
      `the target's answer has not the expected form (${error.message.split("\n")[0]}); ` +
      "use the same lunlog on both ends"
  })

/** Connects, and gives the target the file. */
export const uploadFile = (
  socketPath: string,
  file: NativeFile,
  flags: PlanFlags
): Effect.Effect<PlanSession, CliFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const client = yield* connectAs(socketPath)
    const json = JSON.stringify(file.config)
    for (let at = 0; at === 0 || at < json.length; at += chunkLength) {
      const params = { name: file.name, chunk: json.slice(at, at + chunkLength), restart: at === 0 }
      yield* callMethod(client, "lunlog_config_upload", params)
    }
    return { client, file, flags }
  })

/** The plan, and the answer with all fields. Conflicts are failures. */
export const askForPlan = ({ client, file, flags }: PlanSession) =>
  Effect.gen(function* () {
    const answer = yield* client
      .call("lunlog_config_plan", flags)
      .pipe(Effect.mapError((error) => (error._tag === "CallFailed" ? failureOfCall(file, error) : failureOf(error))))
    const view = yield* Effect.mapError(readPlan(answer), otherVersion)
    if (view.conflicts.length > 0) return yield* refusedFile(file, view.conflicts)
    return { view, answer }
  })

/** Applies the plan with this digest; `TargetMoved` if there is another one by now. */
export const applyPlan = ({ client, file, flags }: PlanSession, digest: string) =>
  client.call("lunlog_config_apply", { ...flags, digest }, { timeoutMillis: applyTimeoutMillis }).pipe(
    Effect.mapError((error) => {
      if (error._tag !== "CallFailed") return failureOf(error)
      return error.code === movedCode ? new TargetMoved() : failureOfCall(file, error)
    })
  )
