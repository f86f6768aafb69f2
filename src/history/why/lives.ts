/** How often a thing of one name has existed, and from when to when: its incarnations, as the log has them. */
import { Effect, Stream } from "effect"
import type { LogArchiveShape } from "../../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../../eventlog/reading.ts"
import type { LogRecord } from "../../../eventlog/record.ts"
import { subjectOf } from "../causality/subject.ts"
import { memberOf } from "../describe/words.ts"
import { existsIn, stateOfBeginning } from "../exists-in.ts"
import { type LogObject, objectTag } from "../LogObject.ts"

/** One existence. */
export interface Life {
  /** Seq of its first record; 1 for what is never created, such as an initiator. */
  readonly from: number
  /** Seq of its last record; absent while it goes on. */
  readonly to?: number
  /** Absent if the log begins later, or it is never created. */
  readonly created?: LogRecord
  /** What ended it; a start of the process may have. */
  readonly ended?: LogRecord
}

/** Newest births and deaths, and newest starts, that are looked at. */
const eventsMax = 128
const startsMax = 1000

const borders: Readonly<Record<LogObject["_tag"], readonly [born: string, gone: string] | undefined>> = {
  Target: ["TargetNodeCreated", "TargetNodeDeleted"],
  Lun: ["LunAdded", "LunRemoved"],
  Bdev: ["BdevCreated", "BdevRemoved"],
  PortalGroup: ["PortalGroupCreated", "PortalGroupDeleted"],
  InitiatorGroup: ["InitiatorGroupCreated", "InitiatorGroupDeleted"],
  AuthGroup: ["AuthGroupCreated", "AuthGroupDeleted"],
  Session: ["SessionOpened", "SessionClosed"],
  Initiator: undefined,
  Address: undefined,
  Config: undefined
}

const newest = (
  log: LogArchiveShape,
  tags: ReadonlyArray<ReadonlyArray<string>>,
  to: number,
  count: number
): Effect.Effect<ReadonlyArray<LogRecord>, LogReadFailed> =>
  Stream.runCollect(Stream.take(log.find({ tags, to, reverse: true }), count))

/** Sessions end with their process; everything else only where a start begins with nothing. */
const startEnds =
  (object: LogObject) =>
  ({ payload }: LogRecord): boolean =>
    object._tag === "Session" || memberOf(payload, "mode") === "empty"

/** Its lives up to record `to`, oldest first; empty if there was none. */
export const livesOf = (
  log: LogArchiveShape,
  object: LogObject,
  to: number
): Effect.Effect<ReadonlyArray<Life>, LogReadFailed> =>
  Effect.gen(function* () {
    const border = borders[object._tag]
    if (border === undefined) return [{ from: 1 }]
    const [born, gone] = border
    const types = [`type:${born}`, `type:${gone}`]
    const own = (yield* newest(log, [[objectTag(object)], types], to, eventsMax)).filter((record) => {
      const subject = subjectOf(record)
      return subject !== undefined && objectTag(subject) === objectTag(object)
    })
    const starts = (yield* newest(log, [["type:EpochStarted"]], to, startsMax)).filter(startEnds(object))
    const lives: Array<Life> = []
    let open: Life | undefined
    for (const record of [...own, ...starts].toSorted((a, b) => a.seq - b.seq)) {
      if (record.type === born) {
        if (open !== undefined) lives.push(open)
        open = { from: record.seq, created: record }
      } else if (open !== undefined) {
        lives.push({ ...open, to: record.seq, ended: record })
        open = undefined
      } else if (record.type === gone && lives.length === 0) {
        lives.push({ from: 1, to: record.seq, ended: record })
      }
    }
    if (open !== undefined) return [...lives, open]
    if (lives.length > 0) return lives
    // Nothing is told of it since: the log begins with it, and it is as it was.
    const state = yield* stateOfBeginning(log)
    return state !== undefined && existsIn(state, object) ? [{ from: 1 }] : []
  })
