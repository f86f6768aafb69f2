/** Command lines of the methods that tell what was: pictures, copies and searches of the event log. */
import { type MethodForm, method, option } from "./MethodForm.ts"
import { integer, text } from "./value-kinds.ts"

/** This file's forms. */
export const historyForms: ReadonlyArray<MethodForm> = [
  method(
    "eventlog_timeline",
    "Shows what there was when, as lanes.",
    [
      option(["", "since"], text("PLACE"), "where it begins (an hour before the end)"),
      option(["", "until"], text("PLACE"), "where it ends (now)"),
      option(["", "cells"], integer("N"), "how fine (120, at most 500)")
    ],
    { answer: "json", example: '--since "2 hours ago" --cells 60' }
  )
]
