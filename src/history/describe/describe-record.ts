/** A record in words: one sentence that says what happened, for lines, trees and timelines. */
import { Result } from "effect"
import type { LogRecord } from "../../../eventlog/record.ts"
import { decodeRecord } from "../../domain/event-codec.ts"
import { eventSentence } from "./event-sentence.ts"
import { observationSentence } from "./observation-sentence.ts"

/** Longest sentence, in characters; lists and names make it long. */
const sentenceMax = 400

const sentenceOf = (record: LogRecord): string => {
  if (record.kind === "observation") return observationSentence(record.type, record.payload)
  const event = decodeRecord(record)
  // Of another version of lunlog: what it holds is shown as it is.
  return Result.isSuccess(event) ? eventSentence(event.success) : observationSentence(record.type, record.payload)
}

/** What happened; not when, and not who asked for it. One line, without what a terminal might act on left out. */
export const describeRecord = (record: LogRecord): string => {
  const sentence = sentenceOf(record)
  return sentence.length > sentenceMax ? `${sentence.slice(0, sentenceMax - 1)}…` : sentence
}
