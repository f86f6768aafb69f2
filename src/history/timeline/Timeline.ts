/**
 * What was there when, as lanes over one span of time: the answer of `eventlog_timeline`, and what the pictures of it
 * are made from. Times are microseconds since the epoch.
 */
import { Schema } from "effect"

/** What a lane is about. */
export const LaneKind = Schema.Literals(["process", "portal-group", "target", "lun", "sessions", "bdev"])
export type LaneKind = typeof LaneKind.Type

/**
 * `active`: there, and in use; `open`: sessions are; `draining`: on its way out; `failed`: wanted, but not to be had;
 * `unknown`: the process ended within without a word.
 */
export const Phase = Schema.Literals(["active", "open", "draining", "failed", "unknown"])
export type Phase = typeof Phase.Type

/** A time in which a lane was in one phase. */
export const Span = Schema.Struct({
  phase: Phase,
  from: Schema.Number,
  to: Schema.Number,
  /** Records with which it began and ended; absent: it was so before, or still is. */
  from_seq: Schema.optionalKey(Schema.Number),
  to_seq: Schema.optionalKey(Schema.Number),
  /** So many spans too short for the picture are told as one, with the phase of the worst. */
  merged: Schema.optionalKey(Schema.Number)
})
export type Span = typeof Span.Type

/** How bad something is. */
export const Severity = Schema.Literals(["error", "warning", "note"])
export type Severity = typeof Severity.Type

/** Something that happened, or several of one severity that lie too close together for the picture. */
export const Mark = Schema.Struct({
  severity: Severity,
  /** Of the first and of the last. */
  at: Schema.Number,
  until: Schema.Number,
  /** Record of the first. */
  seq: Schema.Number,
  /** How many records, and how often it happened: one record may tell of many times. */
  records: Schema.Number,
  count: Schema.Number,
  /** The first, in words. */
  text: Schema.String
})
export type Mark = typeof Mark.Type

/** One line of the picture. */
export const Lane = Schema.Struct({
  kind: LaneKind,
  /** What it is called here; LUNs stand below their target. */
  title: Schema.String,
  spans: Schema.Array(Span),
  marks: Schema.Array(Mark)
})
export type Lane = typeof Lane.Type

/** All lanes, in the order in which they are shown. */
export const Timeline = Schema.Struct({
  from: Schema.Struct({ seq: Schema.Number, at: Schema.Number }),
  to: Schema.Struct({ seq: Schema.Number, at: Schema.Number }),
  /** What is closer together than this is told as one. */
  cell_micros: Schema.Number,
  /** How many records it is made from. */
  records: Schema.Number,
  lanes: Schema.Array(Lane),
  /** Objects that have no lane of their own: there are too many. */
  lanes_hidden: Schema.Number
})
export type Timeline = typeof Timeline.Type

/** Finest picture that can be asked for, in cells. */
export const TIMELINE_CELLS_MAX = 500
/** Lanes of one kind. */
export const TIMELINE_LANES_MAX = 100
