/** Command lines of the methods that ask the event log. */
import { flag, type MethodForm, method, option } from "./MethodForm.ts"
import { integer, text } from "./value-kinds.ts"

const place = text("PLACE")

/** This file's forms. */
export const eventlogForms: ReadonlyArray<MethodForm> = [
  method(
    "eventlog_tail",
    "Shows the newest records of the event log.",
    [option(["n", "count"], integer("N"), "how many (20, at most 1000)")],
    { answer: "json", example: "-n 5" }
  ),
  method(
    "eventlog_read",
    "Shows records of the event log.",
    [
      option(["", "from"], integer("SEQ"), "the first"),
      option(["", "to"], integer("SEQ"), "the last"),
      option(["", "limit"], integer("N"), "how many at most"),
      option(["", "timeout"], integer("MILLISECONDS"), "how long to wait for the first")
    ],
    { answer: "json", example: "--from 1 --to 10" }
  ),
  method("eventlog_verify", "Reads and checks the whole event log.", [], { answer: "json" }),
  method(
    "eventlog_state",
    "Shows what the target was at a moment.",
    [
      option(["", "at"], place, "the moment (default HEAD); times are UTC"),
      flag(["", "raw"], "the whole state in canonical JSON"),
      flag(["", "with-secrets"], "with the secrets of CHAP in clear")
    ],
    { answer: "json", example: "--at 17" }
  ),
  method(
    "eventlog_fork_point",
    "Shows the state as of a moment and its place in the chain, for a fork to begin with.",
    [
      option(["", "at"], place, "the moment (default HEAD); times are UTC"),
      option(["", "offset"], integer("BYTES"), "where in the state to go on")
    ],
    { answer: "json", example: "--at 17" }
  )
]
