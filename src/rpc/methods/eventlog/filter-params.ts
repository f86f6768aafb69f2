/** The conditions that methods of `eventlog_*` take: which records. */
import { Effect, Schema } from "effect"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import { type FilterError, type LogFilter, logFilter } from "../../../history/LogFilter.ts"
import { objectForms } from "../../../history/LogObject.ts"
import { list, optional, text } from "../../param.ts"
import { errnoError, invalidParameters, type RpcError, rpcError } from "../../RpcError.ts"
import { logError } from "../dispatch.ts"
import { Place } from "./place.ts"

/** Conditions of one kind. */
const conditionsMax = 32

const conditions = (lengthMax: number) => optional(list(text(lengthMax), conditionsMax))

/** Of `type`, `object` and so on any may hold; of different ones all must. */
export const filterParams = {
  type: conditions(64),
  object: conditions(512),
  initiator: conditions(512),
  cause: conditions(512),
  kind: optional(Schema.Literals(["control", "observation"])),
  errors: optional(Schema.Boolean),
  grep: conditions(256),
  since: optional(Place),
  until: optional(Place)
} as const
const FilterParams = Schema.Struct(filterParams)
type FilterParams = typeof FilterParams.Type

/** Why a filter cannot be made. */
export const filterError = (error: FilterError): RpcError => {
  switch (error._tag) {
    case "LogReadFailed":
      return logError(error)
    case "ObjectUnknown":
      return rpcError(errnoError("ENODEV"), { reason: error.message, object: error.name, allowed: objectForms })
    case "ConditionRefused":
      return rpcError(invalidParameters, { reason: error.message })
  }
}

/** The filter that the parameters ask for. */
export const filterOf = (params: FilterParams): Effect.Effect<LogFilter, RpcError, LogArchive> =>
  Effect.gen(function* () {
    const { cause = [], errors = false, grep = [], initiator = [], kind, object = [], type = [] } = params
    const wanted = { types: type, objects: object, initiators: initiator, causes: cause, errors, words: grep }
    const log = yield* LogArchive
    return yield* Effect.mapError(logFilter(log, kind === undefined ? wanted : { ...wanted, kind }), filterError)
  })
