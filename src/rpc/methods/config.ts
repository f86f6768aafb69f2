/**
 * `lunlog_config_*`: what `lunlog plan` and `lunlog apply` are made of. The client reads the file and all that it
 * refers to, and uploads the result as JSON in chunks, for requests are short; the target compares it with what runs.
 * Problems come with their path in the file: only the client knows its lines.
 */
import { Effect, Result, Schema } from "effect"
import type { ConfigRefused } from "../../config/ConfigRefused.ts"
import type { NativeFile } from "../../config/native/NativeFile.ts"
import { NativeConfig } from "../../config/native/native-schema.ts"
import { type ConfigPath, pathText } from "../../config/native/YamlText.ts"
import { ConfigApplier, type Planned } from "../../config/plan/ConfigApplier.ts"
import type { PlanOptions, Step } from "../../config/plan/Plan.ts"
import { CONFIG_NAME_LENGTH_MAX } from "../../domain/config/AppliedConfig.ts"
import { type ConnectionInfo, DataPlane } from "../../domain/DataPlane.ts"
import type { Instance } from "../Instance.ts"
import { optional, Text, text } from "../param.ts"
import { errnoError, invalidParameters, type RpcError, type RpcProblem, rpcError } from "../RpcError.ts"
import { defineMethod, defineMethodWithoutParams, type RpcCall, type RpcMethod } from "../RpcMethod.ts"
import { removalWithinMillis } from "./dispatch.ts"

type Services = ConfigApplier | DataPlane | Instance

/** Characters of one client's upload. */
const uploadLengthMax = 16 * 1024 * 1024
/** Initiators that are named for one step. */
const initiatorsMax = 10

const Problem = Schema.Struct({
  path: Schema.Array(Schema.Union([Schema.String, Schema.Finite])),
  message: Schema.String
})
const problemText = Schema.fromJsonString(Problem)
const decodeProblem = Schema.decodeUnknownResult(problemText)
const encodeProblem = Schema.encodeSync(problemText)

const plainPath = (path: ConfigPath): RpcProblem["path"] =>
  path.map((part) => (typeof part === "number" ? part : String(part)))

/** Problems as the client can place them: messages of this file are JSON until they are answered. */
const uploadedFile = (name: string, config: NativeConfig): NativeFile => ({
  name,
  config,
  warnings: [],
  place: (path) => (path.length === 0 ? name : pathText(path)),
  problem: (path, message) => encodeProblem({ path: plainPath(path), message })
})

const problemsOf = ({ problems }: ConfigRefused): ReadonlyArray<RpcProblem> =>
  problems.map((problem) => Result.getOrElse(decodeProblem(problem), () => ({ path: [], message: problem })))

const lunlogConfigUpload = defineMethod({
  name: "lunlog_config_upload",
  kind: "query",
  params: Schema.Struct({
    name: text(CONFIG_NAME_LENGTH_MAX),
    /** Follows what came before; a new name, or `restart`, begins anew. */
    chunk: Text,
    restart: optional(Schema.Boolean)
  }),
  handler: ({ chunk, name, restart = false }, { caller }) =>
    Effect.suspend(() => {
      const before = restart || caller.upload?.name !== name ? "" : caller.upload.json
      const length = before.length + chunk.length
      if (length > uploadLengthMax) {
        delete caller.upload
        const reason = `the configuration ${name} has more than ${uploadLengthMax} characters`
        return Effect.fail(rpcError(errnoError("ENOSPC"), { reason, allowed: `at most ${uploadLengthMax}` }))
      }
      caller.upload = { name, json: before + chunk }
      return Effect.succeed({ characters: length })
    })
})

const decodeConfig = Schema.decodeUnknownEffect(Schema.fromJsonString(NativeConfig), {
  errors: "all",
  onExcessProperty: "error"
})

const uploaded = ({ caller, method }: RpcCall): Effect.Effect<NativeFile, RpcError> => {
  const { upload } = caller
  if (upload === undefined) {
    const hint = "call lunlog_config_upload first, on the same connection"
    return Effect.fail(rpcError(invalidParameters, { reason: `nothing was uploaded for ${method}`, hint }))
  }
  return decodeConfig(upload.json).pipe(
    Effect.map((config) => uploadedFile(upload.name, config)),
    Effect.mapError((error) =>
      rpcError(invalidParameters, {
        reason: `the configuration ${upload.name} has not the form that this target knows: ${error.message}`,
        hint: "use the same lunlog on both ends"
      })
    )
  )
}

const planParams = {
  enforce: optional(Schema.Boolean),
  prune: optional(Schema.Boolean),
  replace: optional(Schema.Boolean),
  target: optional(Text)
}
const PlanParams = Schema.Struct(planParams)

const optionsOf = ({
  enforce = false,
  prune = false,
  replace = false,
  target
}: typeof PlanParams.Type): PlanOptions => ({
  enforce,
  prune,
  replace,
  ...(target === undefined ? {} : { target })
})

/** Who is logged in to a target now. */
const disturbance = (connections: ReadonlyArray<ConnectionInfo>, target: string) => {
  const own = connections.filter(({ targetName }) => targetName.toLowerCase() === target)
  const initiators = [...new Set(own.map(({ initiatorName }) => initiatorName))]
  return {
    target,
    sessions: new Set(own.map(({ initiatorName, tsih }) => `${tsih} ${initiatorName}`)).size,
    initiators: initiators.slice(0, initiatorsMax)
  }
}

const stepView = (connections: ReadonlyArray<ConnectionInfo>, step: Step) => ({
  action: step.action,
  object: step.object,
  ...(step.detail === "" ? {} : { detail: step.detail }),
  changes: step.changes,
  disturbs: step.disturbs.map((target) => disturbance(connections, target))
})

const planView = (name: string, { digest, plan, seq }: Planned) =>
  Effect.gen(function* () {
    const connections = yield* (yield* DataPlane).connections
    return {
      name,
      file_hash: plan.fileHash,
      digest,
      seq,
      steps: plan.steps.map((step) => stepView(connections, step)),
      commands: plan.works.length,
      drift: plan.drift,
      kept: plan.kept,
      detached: plan.detached,
      conflicts: plan.conflicts.map(({ message, path }) => ({ path: plainPath(path), message }))
    }
  })

const refusedFile =
  (name: string) =>
  (error: ConfigRefused): RpcError => {
    const problems = problemsOf(error)
    const reason = problems[0]?.message ?? "it is refused"
    return rpcError(invalidParameters, { reason, object: `configuration ${name}`, problems })
  }

const lunlogConfigPlan = defineMethod<typeof PlanParams.Type, Services>({
  name: "lunlog_config_plan",
  kind: "query",
  paramsOptional: true,
  params: PlanParams,
  handler: (params, call) =>
    Effect.gen(function* () {
      const file = yield* uploaded(call)
      // Reading, planning and answering take turns with the data path, whose thread this may be.
      yield* Effect.yieldNow
      const planned = yield* Effect.mapError(
        (yield* ConfigApplier).plan(file, optionsOf(params)),
        refusedFile(file.name)
      )
      yield* Effect.yieldNow
      return yield* planView(file.name, planned)
    })
})

const ApplyParams = Schema.Struct({ ...planParams, digest: optional(text(64)) })

/** -11 `Resource temporarily unavailable`, if `digest` is not that of the plan any more. */
const lunlogConfigApply = defineMethod<typeof ApplyParams.Type, Services>({
  name: "lunlog_config_apply",
  kind: "change",
  paramsOptional: true,
  params: ApplyParams,
  handler: ({ digest, ...params }, call) =>
    Effect.gen(function* () {
      const file = yield* uploaded(call)
      const request = {
        file,
        options: optionsOf(params),
        cause: { ...call.cause, source: "config" as const },
        removalsWithinMillis: yield* removalWithinMillis,
        ...(digest === undefined ? {} : { digest })
      }
      const planned = yield* (yield* ConfigApplier).apply(request).pipe(
        Effect.mapError((error) => {
          if (error._tag === "ConfigRefused") return refusedFile(file.name)(error)
          const hint = "call lunlog_config_plan again"
          return rpcError(errnoError("EAGAIN"), { reason: error.message, object: `configuration ${file.name}`, hint })
        })
      )
      return yield* planView(file.name, planned)
    })
})

const lunlogConfigProgress = defineMethodWithoutParams<ConfigApplier>({
  name: "lunlog_config_progress",
  kind: "query",
  handler: () =>
    Effect.map(ConfigApplier, ({ progress }) => {
      const now = progress()
      return now === undefined ? { running: false } : { running: true, ...now }
    })
})

/** This file's methods. */
export const configMethods: ReadonlyArray<RpcMethod<Services>> = [
  lunlogConfigUpload,
  lunlogConfigPlan,
  lunlogConfigApply,
  lunlogConfigProgress
]
