/**
 * Replays: the records of a fork's source that came after the fork, played into the fork one after the other. How far
 * it is, is state, so that a fork that is killed goes on where it was.
 *
 * The source's records name things by the seq that created them there. What a replay creates has another seq here; the
 * state keeps which is which, for as long as the thing is there.
 */
import { HashMap, Option, Schema } from "effect"
import { type Incarnation, Seq } from "../ids.ts"

/**
 * Records in one command: what the source wrote at once comes at once, unless it is more. What they have created and
 * ended fits into one record of the log.
 */
export const REPLAY_RECORDS_MAX = 16_384
/** Skipped records of one command that are named; the rest is counted. */
export const REPLAY_SKIPPED_NAMED_MAX = 64
/** Characters of why a record was skipped. */
export const REPLAY_REASON_LENGTH_MAX = 400

/** `finished`: the last record was played; `stopped`: somebody said so. */
export const ReplayEnd = Schema.Literals(["finished", "stopped"])
export type ReplayEnd = typeof ReplayEnd.Type

/** Things by their incarnation in the source, and the other way. Neither has what the other has not. */
export interface ReplayedThings {
  readonly toFork: HashMap.HashMap<number, Incarnation>
  readonly toSource: HashMap.HashMap<number, Seq>
}

/** A replay that has begun. Seqs are the source's. */
export interface Replay {
  /** Last record that the fork began with. */
  readonly from: Seq
  /** Last record to be played. */
  readonly through: Seq
  /** Last record that was played, or `from`. */
  readonly position: Seq
  readonly things: ReplayedThings
  /** Records whose event became one of the fork's. */
  readonly playedCount: number
  /** Records that had nothing to act on here. */
  readonly skippedCount: number
  /** Undefined while it goes on, or waits to. */
  readonly ended: ReplayEnd | undefined
}

/** Why a record was not played. */
export const SkippedRecord = Schema.Struct({ seq: Seq, reason: Schema.String })
export type SkippedRecord = typeof SkippedRecord.Type

/** What can happen to a replay. Seqs are the source's. */
export const replayEvents = {
  ReplayStarted: { from: Seq, through: Seq },
  /** Last of the events of a batch: the others came from the records up to `through`. */
  RecordsReplayed: {
    through: Seq,
    playedCount: Schema.Natural,
    skippedCount: Schema.Natural,
    /** The first of them. */
    skipped: Schema.Array(SkippedRecord),
    /** What was created: its seq in the source, and how many events before this one it was. */
    created: Schema.Array(Schema.Struct({ source: Seq, back: Schema.Natural })),
    /** Incarnations that are gone in the source. */
    gone: Schema.Array(Seq)
  },
  ReplayEnded: { cause: ReplayEnd }
} as const

/** What can be asked of a replay, beside `ReplayRecords`, which holds events (`Command.ts`). */
export const replayCommands = {
  /** Of a fork that has had none yet. No event if it is so already. */
  StartReplay: { through: Schema.Number },
  /** What was held back is reported, and no further record is taken. */
  StopReplay: {}
} as const

/** Nothing was created yet. */
export const noThings: ReplayedThings = { toFork: HashMap.empty(), toSource: HashMap.empty() }

/** The replay, if there is one that is not over. */
export const openReplay = ({ replay }: { readonly replay: Replay | undefined }): Replay | undefined =>
  replay?.ended === undefined ? replay : undefined

/** A replay in the state of its fork. */
interface Fork {
  readonly fork: { readonly since: Seq } | undefined
}

/** What has come with the state that the fork began with has kept its incarnation: the fork's own log begins above. */
const isFromBefore = ({ fork }: Fork, { from }: Replay, incarnation: number): boolean =>
  incarnation <= from && (fork === undefined || incarnation < fork.since)

/** A thing's incarnation in the fork; undefined if it is not there, or was never created here. */
export const incarnationInFork = (fork: Fork, replay: Replay, source: number): number | undefined =>
  isFromBefore(fork, replay, source) ? source : Option.getOrUndefined(HashMap.get(replay.things.toFork, source))

/** Whether a thing is one that the source has had, and not one that somebody has made in the fork. */
export const isOfTheRecord = (fork: Fork, replay: Replay, incarnation: number): boolean =>
  isFromBefore(fork, replay, incarnation) || HashMap.has(replay.things.toSource, incarnation)
