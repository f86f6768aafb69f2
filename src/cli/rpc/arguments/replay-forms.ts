/** Command lines of `lunlog_replay_*`. */
import { argument, flag, type MethodForm, method, option } from "./MethodForm.ts"
import { integer, text } from "./value-kinds.ts"

const speed = option(["", "speed"], text("SPEED"), "max (default), 1 as it was, 10 ten times as fast ...")
const maxGap = option(["", "max-gap"], integer("MS"), "longest pause between two records, in milliseconds")

/** This file's forms. */
export const replayForms: ReadonlyArray<MethodForm> = [
  method(
    "lunlog_replay_status",
    "Shows how far the replay of a fork is.",
    [
      option(["", "after"], integer("SEQ"), "with the records that were passed after this one"),
      option(["", "limit"], integer("N"), "at most so many of them")
    ],
    { answer: "json", example: "--after 17" }
  ),
  method("lunlog_replay_next", "Plays the next steps.", [option(["", "count"], integer("N"), "how many (1)")], {
    answer: "json",
    example: "--count 3"
  }),
  method(
    "lunlog_replay_until",
    "Plays until something comes, for 30 seconds at most.",
    [
      argument("condition", text("CONDITION"), "a type of records, a place in the source's log, or an object"),
      flag(["", "before"], "stop before it, so that the next step is it"),
      speed,
      maxGap,
      option(["", "timeout"], integer("MS"), "at most so long, in milliseconds")
    ],
    { answer: "json", example: "LunRemovalStarted --before" }
  ),
  method("lunlog_replay_run", "Plays on in the background.", [speed, maxGap], {
    answer: "json",
    example: "--speed 10"
  }),
  method("lunlog_replay_pause", "Waits after the present step.", [], { answer: "json" }),
  method("lunlog_replay_stop", "Ends the replay for good.", [], { answer: "json" })
]
