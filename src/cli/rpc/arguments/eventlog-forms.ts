/** Command lines of the methods that ask the event log. */
import { flag, type MethodForm, method, option, required } from "./MethodForm.ts"
import { choice, commaList, integer, text } from "./value-kinds.ts"

const place = text("PLACE")

/** Which records; several conditions of a kind with commas. */
const filters = [
  option(["", "type"], commaList("TYPES"), "only of these types; * and ? stand for any letters"),
  option(["", "object"], commaList("OBJECTS"), "only about these objects"),
  option(["", "initiator"], commaList("NAMES"), "only about these initiators, by name or address"),
  option(["", "cause"], commaList("CAUSES"), "only what was asked for by these sources, methods, users or records"),
  option(["", "kind"], choice("control", "observation"), "only changes, or only what was seen"),
  flag(["", "errors"], "only what went wrong"),
  option(["", "grep"], commaList("TEXTS"), "only records whose words have one of these in them, in any case"),
  option(["", "since"], place, "from here on; times are UTC"),
  option(["", "until"], place, "up to here; times are UTC")
]
const inWords = flag(["", "words"], "with a sentence for each record")

/** This file's forms. */
export const eventlogForms: ReadonlyArray<MethodForm> = [
  method(
    "eventlog_tail",
    "Shows the newest records of the event log.",
    [
      option(["n", "count"], integer("N"), "how many (20, at most 1000)"),
      option(["", "to"], integer("SEQ"), "the last"),
      inWords,
      ...filters
    ],
    { answer: "json", example: "-n 5" }
  ),
  method(
    "eventlog_read",
    "Shows records of the event log.",
    [
      option(["", "from"], integer("SEQ"), "the first"),
      option(["", "to"], integer("SEQ"), "the last"),
      option(["", "limit"], integer("N"), "how many at most"),
      option(["", "timeout"], integer("MILLISECONDS"), "how long to wait for the first"),
      inWords,
      ...filters
    ],
    { answer: "json", example: "--from 1 --to 10" }
  ),
  method(
    "eventlog_verify",
    "Reads and checks the whole event log.",
    [
      option(["", "millis"], integer("MILLISECONDS"), "so long at a time (default: to the end)"),
      option(["", "job"], integer("N"), "go on with it, as the answer before said")
    ],
    { answer: "json" }
  ),
  method(
    "eventlog_compact",
    "Puts old control records of the event log into an archive.",
    [
      option(["", "before"], place, "only what is older (default: all there is); times are UTC"),
      flag(["", "no-archive"], "delete them instead", "archive", false),
      flag(["", "dry-run"], "only say what would go")
    ],
    { answer: "json", example: "--before 17 --dry-run" }
  ),
  method(
    "eventlog_show",
    "Shows one record, with what led to it and what came of it.",
    [required(option(["", "seq"], place, "number of the record, or HEAD, -5"))],
    { answer: "json", example: "--seq 17" }
  ),
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
  ),
  method(
    "eventlog_why",
    "Shows the records that made an object what it is, or was.",
    [
      required(option(["", "object"], text("OBJECT"), "target, LUN (TARGET:ID), bdev, group, session, initiator")),
      option(["", "at"], place, "the moment (default HEAD); times are UTC")
    ],
    { answer: "json", example: "--object bdev:Malloc0" }
  ),
  method(
    "eventlog_diff",
    "Shows what changed between two moments, and which records did it.",
    [
      required(option(["", "from"], place, "the earlier moment; times are UTC")),
      option(["", "to"], place, "the later one (default HEAD)"),
      option(["", "skip"], integer("N"), "objects to leave out: those of the answers before"),
      option(["", "limit"], integer("N"), "how many objects at most (200)"),
      flag(["", "no-by"], "without the records that did it", "by", false)
    ],
    { answer: "json", example: "--from 17 --to 20" }
  )
]
