/** `eventlog_why`: the records that made an object what it is, or was. */
import { Effect, Schema } from "effect"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import { memberOf } from "../../../history/describe/words.ts"
import { objectText, objectWords } from "../../../history/LogObject.ts"
import { resolveObject } from "../../../history/resolve-object.ts"
import type { Life } from "../../../history/why/lives.ts"
import { type WhyTopic, whyOf } from "../../../history/why/Why.ts"
import { optional, text } from "../../param.ts"
import { errnoError, invalidParameters, type RpcError, rpcError } from "../../RpcError.ts"
import { anyState, defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { filterError } from "./filter-params.ts"
import { historyError, momentOf, Place } from "./place.ts"
import { recordBrief } from "./record-view.ts"

/** Former lives in one answer: the newest. */
const livesMax = 50

const lifeView = ({ created, ended, from, to }: Life) => ({
  from,
  ...(to === undefined ? {} : { to }),
  ...(created === undefined ? {} : { created: recordBrief(created) }),
  // A bdev whose device is back: it goes on with the life before.
  ...(memberOf(created?.payload, "attached") === true ? { attached: true } : {}),
  ...(ended === undefined ? {} : { ended: recordBrief(ended) })
})

const topicView = ({ leftOut, object, records, role }: WhyTopic) => ({
  object: objectText(object),
  words: objectWords(object),
  role,
  records: records.map(recordBrief),
  ...(leftOut === undefined
    ? {}
    : { left_out: { count: leftOut.count, at_least: leftOut.isAtLeast, filter: leftOut.filter } })
})

/** One object: a name that may be several must be told apart. */
const oneObject = (log: LogArchive["Service"], name: string) =>
  Effect.gen(function* () {
    const [object, ...others] = yield* Effect.mapError(resolveObject(log, name), filterError)
    if (object !== undefined && others.length === 0) return object
    const names = [...(object === undefined ? [] : [object]), ...others].map(objectText).join(", ")
    const reason = `${JSON.stringify(name)} may be any of ${names}; say which`
    return yield* rpcError(invalidParameters, { reason, object: name, allowed: names })
  })

const eventlogWhy = defineMethod({
  name: "eventlog_why",
  states: anyState,
  kind: "wait",
  params: Schema.Struct({ object: text(512), at: optional(Place) }),
  handler: ({ at, object: name }) =>
    Effect.gen(function* () {
      const log = yield* LogArchive
      const seq = yield* momentOf("at", at)
      const object = yield* oneObject(log, name)
      const { life, lives, topics } = yield* Effect.mapError(
        whyOf(log, object, seq),
        (error): RpcError =>
          error._tag === "NeverThere"
            ? rpcError(errnoError("ENODEV"), { reason: error.message, object: name })
            : historyError(error)
      )
      const earlier = lives.slice(0, lives.indexOf(life))
      return {
        object: objectText(object),
        words: objectWords(object),
        seq,
        life: lifeView(life),
        earlier: earlier.slice(-livesMax).map(lifeView),
        earlier_count: earlier.length,
        topics: topics.map(topicView)
      }
    })
})

/** This file's methods. */
export const whyMethods: ReadonlyArray<RpcMethod<LogArchive>> = [eventlogWhy]
