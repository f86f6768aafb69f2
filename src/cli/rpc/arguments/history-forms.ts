/** Command lines of the methods that tell what was: pictures, copies and searches of the event log. */
import { flag, type MethodForm, method, option, required } from "./MethodForm.ts"
import { commaList, integer, text } from "./value-kinds.ts"

/** This file's forms. */
export const historyForms: ReadonlyArray<MethodForm> = [
  method(
    "eventlog_timeline",
    "Shows what there was when, as lanes.",
    [
      option(["", "since"], text("PLACE"), "where it begins (an hour before the end)"),
      option(["", "until"], text("PLACE"), "where it ends (now)"),
      option(["", "object"], commaList("OBJECTS"), "only the lanes of these"),
      option(["", "cells"], integer("N"), "how fine (120, at most 500)")
    ],
    { answer: "json", example: '--since "2 hours ago" --cells 60' }
  ),
  method(
    "eventlog_export_begin",
    "Shows the first line of an exported log, and the records that the export has.",
    [
      option(["", "from"], text("PLACE"), "the first (the first of all)"),
      option(["", "to"], text("PLACE"), "the last (the last of all)"),
      flag(["", "with-secrets"], "with CHAP secrets in clear")
    ],
    { answer: "json", example: "--from 100 --to HEAD" }
  ),
  method(
    "eventlog_export_lines",
    "Shows records as lines of an exported log.",
    [
      required(option(["", "from"], integer("SEQ"), "the first")),
      required(option(["", "to"], integer("SEQ"), "the last")),
      flag(["", "with-secrets"], "with CHAP secrets in clear")
    ],
    { answer: "json", example: "--from 1 --to 100" }
  )
]
