/**
 * How often a reactor has found out what, whether it was told or not: the log has a few of many equal facts, a counter
 * has them all. By type, and by a detail of few values where it says more than the type.
 */
import type { FactCount } from "../../domain/Statistics.ts"
import type { ReactorObservation } from "./protocol.ts"

/** One of few values: none comes from a peer as it is. */
const detailOf = (fact: ReactorObservation): string => {
  switch (fact._tag) {
    case "SessionClosed":
      return fact.ending ?? ""
    case "LoginRefused":
      return fact.status.toString(16).padStart(4, "0")
    case "TaskManagement":
      return fact.function
    case "PduRejected":
      return fact.rejectReason
    case "DigestError":
      return fact.digest
    case "LunDrainEnded":
      return fact.late ? "late" : "drained"
    default:
      return ""
  }
}

/** One per reactor. */
export class FactCounts {
  readonly #byKey = new Map<string, { readonly type: string; readonly detail: string; count: number }>()

  /** Something was found out. */
  add(fact: ReactorObservation): void {
    const detail = detailOf(fact)
    const key = `${fact._tag} ${detail}`
    const known = this.#byKey.get(key)
    if (known === undefined) this.#byKey.set(key, { type: fact._tag, detail, count: 1 })
    else known.count++
  }

  /** As plain values. */
  report(): ReadonlyArray<FactCount> {
    return [...this.#byKey.values()].map((one) => ({ ...one }))
  }
}
