/**
 * The moment that is looked at: the last record up to it, and what it differs in from another moment. While the slider
 * is dragged, only the last place is asked for.
 */
import { type ReadonlySignal, signal } from "@preact/signals"
import { type Difference, diffStates } from "../../rpc/history-methods.ts"
import { type LogRecord, readLog, tailLog } from "../../rpc/log-methods.ts"
import type { Outcome, RpcClient } from "../../rpc/RpcClient.ts"
import type { RpcProblem } from "../../rpc/RpcProblem.ts"
import { Latest } from "../model/Latest.ts"
import { type Against, againstName } from "../model/TimeView.ts"
import { utcText } from "../model/time-text.ts"

/** Objects that are shown of a difference. */
export const objectsShown = 100
/** Between two questions while something is dragged, in milliseconds. */
const apartMillis = 120
const answersKept = 100

/** A place in the log: a record, or a time in microseconds. */
export type Place = { readonly _tag: "Seq"; readonly seq: number } | { readonly _tag: "Time"; readonly at: number }

interface Question {
  readonly place: Place
  readonly against: Against
  /** Changes that are known of: an answer about "now" holds as long as there is no other. */
  readonly version: number
}

/** A moment as it was. */
export interface PastMoment {
  /** The last record up to the moment; undefined in front of the first. */
  readonly record: LogRecord | undefined
  readonly seq: number
  readonly difference: Difference
}

const placeKey = (place: Place): string => (place._tag === "Seq" ? `#${place.seq}` : `@${place.at}`)

/** One for the page. */
export class TimeMachine {
  readonly #client: RpcClient
  readonly #onMoment: (seq: number | undefined) => void
  readonly #place = signal<Place | undefined>(undefined)
  readonly #past = signal<PastMoment | undefined>(undefined)
  readonly #problem = signal<RpcProblem | undefined>(undefined)
  readonly #isStale = signal(false)
  readonly #latest: Latest<Question, PastMoment>
  #against: Against = { _tag: "Now" }
  #version = 0
  #steps = 0
  #stepping: AbortController | undefined

  /** `onMoment` hears of each record that is arrived at; undefined is now. */
  constructor(client: RpcClient, onMoment: (seq: number | undefined) => void) {
    this.#client = client
    this.#onMoment = onMoment
    this.#latest = new Latest<Question, PastMoment>({
      keyOf: ({ against, place, version }) =>
        `${placeKey(place)} ${againstName(against)} ${against._tag === "Before" ? 0 : version}`,
      ask: (question, aborted) => this.#ask(question, aborted),
      onOutcome: (_question, outcome) => {
        this.#isStale.value = false
        this.#problem.value = outcome._tag === "Failed" ? outcome.problem : undefined
        this.#past.value = outcome._tag === "Failed" ? undefined : outcome.value
        if (outcome._tag === "Failed") return
        onMoment(outcome.value.seq)
      },
      apartMillis,
      kept: answersKept
    })
  }

  /** Where the slider is; undefined: at the end, where it is now. */
  get place(): ReadonlySignal<Place | undefined> {
    return this.#place
  }

  /** The last answer. */
  get past(): ReadonlySignal<PastMoment | undefined> {
    return this.#past
  }

  /** Why the last question has none. */
  get problem(): ReadonlySignal<RpcProblem | undefined> {
    return this.#problem
  }

  /** The answer is not yet that of the place. */
  get isStale(): ReadonlySignal<boolean> {
    return this.#isStale
  }

  /** Goes to a place, or back to now. */
  goTo(place: Place | undefined): void {
    this.#stopSteps()
    this.#place.value = place
    this.#problem.value = undefined
    if (place === undefined) {
      this.#latest.stop()
      this.#past.value = undefined
      this.#isStale.value = false
      this.#onMoment(undefined)
      return
    }
    this.#want(place)
  }

  /** Compares with another moment. */
  compareWith(against: Against): void {
    if (againstName(against) === againstName(this.#against)) return
    this.#against = against
    this.#again()
  }

  /** Something has changed: what differs from now is another. */
  readonly noteChange = (): void => {
    this.#version += 1
    if (this.#against._tag === "Now") this.#again()
  }

  /** To the change before, or after; presses that come faster than answers add up. Behind the last change is now. */
  step(by: 1 | -1): void {
    this.#steps += by
    if (this.#stepping === undefined) void this.#walk()
  }

  /** Asks for nothing more. */
  stop(): void {
    this.#stopSteps()
    this.#latest.stop()
  }

  #stopSteps(): void {
    this.#steps = 0
    this.#stepping?.abort()
    this.#stepping = undefined
  }

  #again(): void {
    const place = this.#place.value
    if (place !== undefined) this.#want(place)
  }

  #want(place: Place): void {
    this.#isStale.value = true
    this.#latest.want({ place, against: this.#against, version: this.#version })
  }

  async #walk(): Promise<void> {
    const controller = new AbortController()
    this.#stepping = controller
    while (this.#steps !== 0 && !controller.signal.aborted) {
      const steps = this.#steps
      this.#steps = 0
      const outcome = await this.#neighbour(steps, controller.signal)
      if (controller.signal.aborted) return
      if (outcome._tag === "Failed") {
        this.#problem.value = outcome.problem
        break
      }
      const seq = outcome.value
      this.#place.value = seq === undefined ? undefined : { _tag: "Seq", seq }
      if (seq === undefined) this.goTo(undefined)
      else this.#want({ _tag: "Seq", seq })
    }
    if (this.#stepping === controller) this.#stepping = undefined
  }

  /** The change that is so many away; undefined: now. */
  async #neighbour(steps: number, aborted: AbortSignal): Promise<Outcome<number | undefined>> {
    const from = await this.#seqOfPlace(aborted)
    if (from._tag === "Failed") return from
    const limit = Math.min(Math.abs(steps), 1000)
    if (steps > 0) {
      if (from.value === undefined) return from
      const params = { from: from.value + 1, limit, kind: "control" }
      const found = await this.#client.callAlone(readLog, { ...params, words: true }, aborted)
      if (found._tag === "Failed") return found
      return { _tag: "Answer", value: found.value.records.at(-1)?.seq }
    }
    const to = from.value === undefined ? {} : { to: Math.max(0, from.value - 1) }
    const params = { ...to, count: limit, kind: "control", words: true }
    const found = await this.#client.callAlone(tailLog, params, aborted)
    if (found._tag === "Failed") return found
    return { _tag: "Answer", value: found.value.records[0]?.seq ?? from.value }
  }

  async #seqOfPlace(aborted: AbortSignal): Promise<Outcome<number | undefined>> {
    const place = this.#place.value
    if (place?._tag !== "Time") return { _tag: "Answer", value: place?.seq }
    const found = await this.#recordAt(place, aborted)
    return found._tag === "Failed" ? found : { _tag: "Answer", value: found.value?.seq ?? 0 }
  }

  async #recordAt(place: Place, aborted: AbortSignal): Promise<Outcome<LogRecord | undefined>> {
    const up = place._tag === "Seq" ? { to: place.seq } : { until: utcText(place.at) }
    const found = await this.#client.callAlone(tailLog, { ...up, count: 1, words: true }, aborted)
    return found._tag === "Failed" ? found : { _tag: "Answer", value: found.value.records[0] }
  }

  async #ask({ against, place }: Question, aborted: AbortSignal): Promise<Outcome<PastMoment>> {
    const found = await this.#recordAt(place, aborted)
    if (found._tag === "Failed") return found
    const record = found.value
    const seq = record?.seq ?? 0
    const range = {
      Now: { from: seq, to: "HEAD" },
      Before: { from: Math.max(0, seq - 1), to: seq },
      Place: { from: seq, to: against._tag === "Place" ? against.place : "HEAD" }
    }[against._tag]
    const params = { ...range, by: false, limit: objectsShown }
    const differs = await this.#client.callAlone(diffStates, params, aborted)
    if (differs._tag === "Failed") return differs
    return { _tag: "Answer", value: { record, seq, difference: differs.value } }
  }
}
