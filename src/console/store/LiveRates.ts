/** The rates of LUNs and sessions as they are now, and were: from one answer of `lunlog_get_statistics` to the next. */
import { type ReadonlySignal, signal } from "@preact/signals"
import type { LunCounters, MetricsSample, SessionCounters, Statistics } from "../rpc/statistics-methods.ts"
import { HistoryBook } from "./HistoryBook.ts"
import { RateHistory, type RateSample } from "./RateHistory.ts"
import { type Counters, type IoRates, idleRates, ratesBetween, sumOfRates, zeroCounters } from "./rates.ts"

/** Of a LUN of a target. */
export const lunKey = (target: string, lun: number): string => `${target}/${lun}`

/** Of a session, by the number of its connection. */
export const sessionKey = (id: number): string => `session ${id}`

const nanosPerSecond = 1e9
/** The page was hidden, or the target away. */
const pauseSeconds = 5
/** Samples of the totals: an hour of one a second. */
const totalSamples = 3600
/** LUNs and sessions whose last minutes are kept although no page shows them. */
const historiesKept = 256

/** A moment, with what had IO in the second before it. */
export interface RatesNow {
  readonly luns: ReadonlyMap<string, IoRates>
  readonly sessions: ReadonlyMap<string, IoRates>
  readonly total: IoRates
  readonly lunCount: number
  /** Seconds since 1970; 0 before the first. */
  readonly at: number
}

interface Seen {
  readonly incarnation: number
  readonly counters: Counters
}

const isIdle = (rates: IoRates): boolean =>
  rates.inFlight === 0 && rates.readIops === 0 && rates.writeIops === 0 && rates.errors === 0

const millisPerSecond = 1000

/** Rates of samples; those in which `of` finds nothing are left out. */
const recalled = (
  samples: ReadonlyArray<MetricsSample>,
  shift: number,
  of: (sample: MetricsSample) => Counters | undefined
): ReadonlyArray<RateSample> =>
  samples.flatMap((sample) => {
    const counters = of(sample)
    if (counters === undefined || sample.seconds <= 0) return []
    const rates = ratesBetween(zeroCounters, counters, sample.seconds)
    return [{ seconds: sample.at / millisPerSecond + shift, rates }]
  })

/** Takes one answer after the other. */
export class LiveRates {
  readonly #now = signal<RatesNow>({ luns: new Map(), sessions: new Map(), total: idleRates, lunCount: 0, at: 0 })
  readonly #lunsSeen = new Map<string, Seen>()
  #sessionsSeen = new Map<number, SessionCounters>()
  #last: number | undefined
  /** Of all LUNs together. */
  readonly total = new RateHistory(totalSamples)
  /** By `lunKey` and `sessionKey`. */
  readonly histories = new HistoryBook(historiesKept)

  /** The newest moment. */
  get now(): ReadonlySignal<RatesNow> {
    return this.#now
  }

  /** What the next question has as `active_since`, or undefined if everything has to be asked for. */
  get activeSince(): number | undefined {
    return this.#last
  }

  /** The newest counters of a session. */
  sessionCounters(id: number): SessionCounters | undefined {
    return this.#sessionsSeen.get(id)
  }

  /** Another process answers: its counters begin anew. Histories stay. */
  restart(): void {
    this.#last = undefined
    this.#lunsSeen.clear()
    this.#sessionsSeen = new Map()
  }

  /** `seconds` is the page's time of the answer, since 1970. */
  add(answer: Statistics, seconds: number): void {
    const last = this.#last
    // A clock that has gone back is another process's.
    const isFirst = last === undefined || answer.at_nanos <= last
    if (isFirst) this.restart()
    const sinceLast = last === undefined ? 0 : (answer.at_nanos - last) / nanosPerSecond
    // After a pause an average over all of it is no rate of now.
    const elapsed = isFirst || sinceLast > pauseSeconds ? undefined : sinceLast
    const luns = this.#lunRates(answer.luns, elapsed)
    const sessions = this.#sessionRates(answer.sessions, elapsed)
    this.#last = answer.at_nanos
    const total = sumOfRates(luns.values())
    const active = new Map([...luns, ...sessions])
    if (elapsed !== undefined) {
      this.total.add(seconds, total)
      this.histories.add(seconds, active, idleRates)
    }
    this.#now.value = { luns, sessions, total, lunCount: answer.lun_count, at: seconds }
    this.#forgetLuns(answer.lun_count)
  }

  /** What the target itself has kept of the last minutes, `shift` seconds from its clock to the page's. */
  recall(samples: ReadonlyArray<MetricsSample>, shift: number): void {
    this.total.merge(recalled(samples, shift, ({ totals }) => totals))
    for (const key of this.histories.watchedKeys()) {
      const of = (sample: MetricsSample): Counters | undefined =>
        sample.luns.find(({ lun_id, target }) => lunKey(target, lun_id) === key) ??
        sample.sessions.find(({ id }) => sessionKey(id) === key)
      this.histories.historyOf(key).merge(recalled(samples, shift, of))
    }
  }

  #lunRates(answers: ReadonlyArray<LunCounters>, elapsed: number | undefined): ReadonlyMap<string, IoRates> {
    const rates = new Map<string, IoRates>()
    for (const now of answers) {
      const key = lunKey(now.target, now.lun_id)
      const seen = this.#lunsSeen.get(key)
      const before = seen?.incarnation === now.incarnation ? seen.counters : zeroCounters
      this.#lunsSeen.set(key, { incarnation: now.incarnation, counters: now })
      if (elapsed === undefined) continue
      const found = ratesBetween(before, now, elapsed)
      if (!isIdle(found)) rates.set(key, found)
    }
    return rates
  }

  #sessionRates(answers: ReadonlyArray<SessionCounters>, elapsed: number | undefined): ReadonlyMap<string, IoRates> {
    const rates = new Map<string, IoRates>()
    const seen = new Map<number, SessionCounters>()
    for (const now of answers) {
      seen.set(now.id, now)
      if (elapsed === undefined) continue
      const found = ratesBetween(this.#sessionsSeen.get(now.id) ?? zeroCounters, now, elapsed)
      if (!isIdle(found)) rates.set(sessionKey(now.id), found)
    }
    this.#sessionsSeen = seen
    return rates
  }

  /** LUNs that are gone are in no answer: when there are too many of them, the next answer is a whole one. */
  #forgetLuns(lunCount: number): void {
    if (this.#lunsSeen.size > 2 * lunCount + historiesKept) this.restart()
  }
}
