/**
 * Which incidents get a folder of their own. One thing that goes wrong is seldom told once: what is of the same kind
 * within minutes, or of anything within seconds, joins the folder that is there. So a storm of them costs little, and
 * does not drive out what was kept of its beginning.
 */
import type { LogRecord } from "../../../eventlog/record.ts"
import { memberOf } from "../../history/describe/words.ts"

/** Within so long of a folder's record anything joins it, and the same kind. In milliseconds. */
const anythingMillis = 10_000
const sameKindMillis = 600_000
/** Kinds that are known at once. */
const kindsMax = 256

/** Type and object: `IoFailed EE_disk7`. */
const kindOf = ({ payload, type }: Pick<LogRecord, "payload" | "type">): string => {
  const [object] = ["bdev", "targetName", "target", "name", "initiatorName", "reactor"].flatMap((name) => {
    const value = memberOf(payload, name)
    return typeof value === "string" || typeof value === "number" ? [value] : []
  })
  return `${type} ${object ?? ""}`
}

interface Opened {
  readonly seq: number
  readonly at: number
}

/** Asked once for each incident, in their order. */
export class IncidentGate {
  readonly #kinds = new Map<string, Opened>()
  #last: Opened | undefined

  /** Seq of the folder that it joins; undefined: it gets one. `at` is a time in milliseconds. */
  joins(record: Pick<LogRecord, "payload" | "seq" | "type">, at: number): number | undefined {
    const kind = kindOf(record)
    const same = this.#kinds.get(kind)
    const isWithin = (opened: Opened | undefined, millis: number): opened is Opened =>
      opened !== undefined && at >= opened.at && at - opened.at < millis
    if (isWithin(same, sameKindMillis)) return same.seq
    const opened = isWithin(this.#last, anythingMillis) ? this.#last : { seq: record.seq, at }
    this.#kinds.delete(kind)
    this.#kinds.set(kind, opened)
    const [oldest] = this.#kinds.keys()
    if (this.#kinds.size > kindsMax && oldest !== undefined) this.#kinds.delete(oldest)
    this.#last = opened
    return opened.seq === record.seq ? undefined : opened.seq
  }
}
