/** What is printed of a replay: a line for each record that was passed, and how it stands. */
import { Schema } from "effect"
import { durationText } from "../../config/duration.ts"
import { RecordView } from "../log/RecordView.ts"
import { lineTime, recordLine, wantsColours } from "../log/record-line.ts"
import { printable } from "../printable.ts"

/** What `lunlog_replay_*` answer. */
export const ReplayAnswer = Schema.Struct({
  state: Schema.Literals(["none", "paused", "running", "finished", "stopped"]),
  from: Schema.optional(Schema.Number),
  through: Schema.optional(Schema.Number),
  position: Schema.optional(Schema.Number),
  at: Schema.optional(Schema.Number),
  played: Schema.optional(Schema.Number),
  skipped: Schema.optional(Schema.Number),
  next: Schema.optional(
    Schema.Struct({ seq: Schema.Number, at: Schema.Number, type: Schema.String, text: Schema.String })
  ),
  wait: Schema.optional(Schema.Number),
  speed: Schema.optional(Schema.String),
  max_gap: Schema.optional(Schema.Number),
  problem: Schema.optional(Schema.String),
  met: Schema.optional(Schema.Boolean),
  records: Schema.optional(Schema.Array(RecordView)),
  more: Schema.optional(Schema.Boolean)
})
export type ReplayAnswer = typeof ReplayAnswer.Type

/** A record of the source that was passed. */
export const passedLine = (record: RecordView): string => {
  const line = recordLine(record, { colours: wantsColours(), fields: false })
  const { note } = record
  return typeof note === "string" ? `${line}\n         ${printable(note)}` : line
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`

const paceText = ({ max_gap, speed }: ReplayAnswer): string => {
  const gap = max_gap === undefined ? "" : `, pauses of at most ${durationText(max_gap * 1000)}`
  if (speed === undefined) return ""
  return speed === "max" ? ", without a pause" : `, at speed ${speed}${gap}`
}

const nextLines = ({ next, wait }: ReplayAnswer): ReadonlyArray<string> => {
  if (next === undefined) return []
  const when = wait === undefined ? "" : ` (in ${durationText(Math.max(1, Math.round(wait / 1000)) * 1_000_000)})`
  return [`Next${when}: ${printable(`${next.seq}  ${lineTime(next.at)}  ${next.text}`)}`]
}

/** How it stands, in lines. */
export const statusText = (answer: ReplayAnswer): string => {
  const { at = 0, from = 0, played = 0, position = 0, problem, skipped = 0, state, through = 0 } = answer
  if (state === "none") return "Nothing is replayed here. A fork with records to play: lunlog fork --at PLACE --replay"
  const where = position === from ? "at its beginning" : `at record ${position} (${lineTime(at)})`
  return [
    `Replay of records ${from + 1} to ${through}: ${state}, ${where}${paceText(answer)}`,
    `${count(played, "change")} played, ${skipped} skipped`,
    ...nextLines(answer),
    ...(problem === undefined ? [] : [`It did not go on: ${printable(problem)}`])
  ].join("\n")
}
