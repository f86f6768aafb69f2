/**
 * Between what a reactor finds out and what it tells: a dying disk or a hostile peer leads to thousands of equal facts
 * a second, and the log gets a few that say how many there were. Plain code on the thread of the data path; nothing
 * here runs for an IO that succeeds in time.
 *
 * Of each object the first facts of a type are told at once, later ones of the same interval together at its end. What
 * is beyond the bounds of rate and memory is counted by type.
 */
import { Budget } from "../Budget.ts"
import { FactCounts } from "./FactCounts.ts"
import type { ReactorFact, ReactorObservation } from "./protocol.ts"

/** How facts of one type are told. */
interface Rule {
  /** Facts of one object that are told singly in one interval. */
  readonly singly: number
  readonly intervalMillis: number
}

type Type = ReactorObservation["_tag"]

const seldom: Rule = { singly: 1, intervalMillis: 10_000 }
const sessions: Rule = { singly: 10, intervalMillis: 10_000 }

const rules: Readonly<Partial<Record<Type, Rule>>> = {
  SessionOpened: sessions,
  SessionClosed: sessions,
  TaskManagement: sessions,
  BdevIoFailed: { singly: 1, intervalMillis: 1_000 },
  IoFailed: { singly: 1, intervalMillis: 1_000 }
}

/** Objects of one type that have told something, or wait to: one type leaves the others their room. */
const objectsOfType = 1024
/** Facts of one type: so many at once, and so many a second in the long run. */
const burstOfType = 2048
const perSecondOfType = 50
/** The same of all that peers do, who may want to flood the log; with what disks do it stays below the log's queue. */
const burstOfPeers = 4096
const perSecondOfPeers = 150

interface Entry {
  readonly since: number
  told: number
  folded: number
  firstAt: number
  last: ReactorObservation
}

/** Facts of one type: by object, and how many may be told. */
interface Lane {
  readonly entries: Map<string, Entry>
  readonly budget: Budget
}

/** What facts of one type are told together by. */
const objectOf = (fact: ReactorObservation): string => {
  switch (fact._tag) {
    case "IoFailed":
      return `${fact.bdev} ${fact.targetName} ${fact.lun} ${fact.initiatorName} ${fact.operation} ${fact.sense?.name}`
    case "SlowIo":
      return `${fact.bdev} ${fact.targetName} ${fact.lun} ${fact.operation}`
    case "QueueFull":
      return `${fact.targetName} ${fact.lun} ${fact.initiatorName} ${fact.reason}`
    case "BdevIoFailed":
      return `${fact.bdev} ${fact.operation} ${fact.code}`
    case "IoStuck":
    case "LunDrainStarted":
    case "LunDrainEnded":
      return `${fact.targetName} ${fact.lun}`
    case "QosThrottlingBegan":
    case "QosThrottlingEnded":
      return fact.bdev
    case "ConnectionRefused":
      return fact.initiatorAddress
    case "ObservationsSuppressed":
      return ""
    case "LoginRefused":
      return `${fact.initiatorAddress} ${fact.initiatorName} ${fact.targetName} ${fact.status}`
    case "PduRejected":
      return `${fact.initiatorAddress} ${fact.initiatorName} ${fact.rejectCode}`
    default:
      return `${fact.initiatorAddress} ${fact.initiatorName} ${fact.targetName}`
  }
}

/** Two facts as one: the newer, but of slow IOs the slowest. */
const merged = (kept: ReactorObservation, next: ReactorObservation): ReactorObservation => {
  if (kept._tag !== "SlowIo" || next._tag !== "SlowIo") return next
  return kept.millis > next.millis ? kept : next
}

/** `fact`, which stands for so many; the types that this never happens to have no such fields. */
const repeatedFact = (fact: ReactorObservation, repeated: number, firstMillisAgo: number): ReactorObservation => {
  switch (fact._tag) {
    case "IoStuck":
    case "LunDrainStarted":
    case "LunDrainEnded":
    case "QosThrottlingBegan":
    case "QosThrottlingEnded":
    case "ObservationsSuppressed":
      return fact
    case "SlowIo":
      return { ...fact, slowestMillis: fact.millis, repeated, ...(repeated > 1 ? { firstMillisAgo } : {}) }
    default:
      return { ...fact, repeated, ...(repeated > 1 ? { firstMillisAgo } : {}) }
  }
}

/** Facts that come once for each thing that happens, and must not be missing. */
const isAlwaysTold = (type: Type): boolean =>
  type === "LunDrainStarted" ||
  type === "LunDrainEnded" ||
  type === "QosThrottlingBegan" ||
  type === "QosThrottlingEnded" ||
  type === "IoStuck"

/** One per reactor. */
export class FactGate {
  readonly #emit: (fact: ReactorFact) => void
  readonly #now: () => number
  readonly #lanes = new Map<Type, Lane>()
  readonly #peers: Budget
  /** Since the last fact that told of them. */
  readonly #suppressed = new Map<string, number>()
  #suppressedToldAt = Number.NEGATIVE_INFINITY
  /** Facts that were not told, since the start. */
  suppressedCount = 0
  /** All facts, also those that were not told. */
  readonly counts = new FactCounts()

  /** `now` is in milliseconds and only goes forward. */
  constructor(emit: (fact: ReactorFact) => void, now: () => number) {
    this.#emit = emit
    this.#now = now
    this.#peers = new Budget(burstOfPeers, perSecondOfPeers, now())
  }

  /** Something was found out. */
  tell(fact: ReactorObservation): void {
    const now = this.#now()
    this.counts.add(fact)
    if (isAlwaysTold(fact._tag)) return this.#spend(fact, now, 1, 0)
    const rule = rules[fact._tag] ?? seldom
    const { entries } = this.#lane(fact._tag, now)
    const key = objectOf(fact)
    const entry = entries.get(key)
    if (entry === undefined) {
      if (entries.size >= objectsOfType) return this.#suppress(fact._tag, 1)
      entries.set(key, { since: now, told: 1, folded: 0, firstAt: 0, last: fact })
      return this.#spend(fact, now, 1, 0)
    }
    if (entry.told < rule.singly) {
      entry.told++
      return this.#spend(fact, now, 1, 0)
    }
    entry.last = entry.folded === 0 ? fact : merged(entry.last, fact)
    if (entry.folded === 0) entry.firstAt = now
    entry.folded++
  }

  /** Called about once a second: tells what was held back in intervals that are over. */
  lookOver(): void {
    const now = this.#now()
    for (const [type, { entries }] of this.#lanes) {
      const { intervalMillis } = rules[type] ?? seldom
      for (const [key, entry] of entries) {
        if (now - entry.since < intervalMillis) continue
        entries.delete(key)
        if (entry.folded === 0) continue
        this.#spend(entry.last, now, entry.folded, entry.firstAt)
        // The next interval begins: it goes on to be told as one.
        entries.set(key, { since: now, told: Number.POSITIVE_INFINITY, folded: 0, firstAt: 0, last: entry.last })
      }
    }
    if (now - this.#suppressedToldAt >= seldom.intervalMillis) this.#tellSuppressed(now)
  }

  /** The reactor ends: nothing is held back any longer. */
  flush(): void {
    const now = this.#now()
    for (const { entries } of this.#lanes.values()) {
      for (const { firstAt, folded, last } of entries.values()) {
        if (folded > 0) this.#spend(last, now, folded, firstAt)
      }
      entries.clear()
    }
    this.#tellSuppressed(now)
  }

  #spend(fact: ReactorObservation, now: number, count: number, firstAt: number): void {
    const { budget } = this.#lane(fact._tag, now)
    const shared = "initiatorAddress" in fact ? this.#peers : undefined
    if (!budget.allows(now) || shared?.allows(now) === false) return this.#suppress(fact._tag, count)
    budget.take()
    shared?.take()
    this.#emit(repeatedFact(fact, count, now - firstAt))
  }

  #lane(type: Type, now: number): Lane {
    const known = this.#lanes.get(type)
    if (known !== undefined) return known
    const lane = { entries: new Map<string, Entry>(), budget: new Budget(burstOfType, perSecondOfType, now) }
    this.#lanes.set(type, lane)
    return lane
  }

  #suppress(type: Type, count: number): void {
    this.#suppressed.set(type, (this.#suppressed.get(type) ?? 0) + count)
    this.suppressedCount += count
  }

  #tellSuppressed(now: number): void {
    if (this.#suppressed.size === 0) return
    this.#suppressedToldAt = now
    const byType = Object.fromEntries(this.#suppressed)
    this.#suppressed.clear()
    this.#emit({ _tag: "ObservationsSuppressed", byType })
  }
}
