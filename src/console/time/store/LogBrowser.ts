/**
 * The records of a query as a list that is scrolled: the newest first, older ones as they are wanted, new ones as they
 * come. The news are those that the page's `LogFollower` hears of, so that nothing else waits at the target.
 */
import { type ReadonlySignal, signal } from "@preact/signals"
import { type LogRecord, readLog, tailLog } from "../../rpc/log-methods.ts"
import type { RpcClient } from "../../rpc/RpcClient.ts"
import type { RpcProblem } from "../../rpc/RpcProblem.ts"
import type { LogFollower } from "../../store/LogFollower.ts"
import { type LogQuery, paramsOf } from "../model/LogQuery.ts"
import { type RecordWindow, windowOf, withNewer, withOlder } from "../model/RecordWindow.ts"

/** Records in one answer. */
const pageRecords = 200
/** News that are held back while somebody reads; more are fetched anew. */
const heldMax = 1000
/** Fewer than this many found, and the search goes on by itself, so many times. */
const [fewRecords, searchTurns] = [30, 10]
/** Between two looks at news, in milliseconds. */
const newsMillis = 500

/** What is under way. */
export type Busy = "no" | "loading" | "searching"

/** One for each query. */
export class LogBrowser {
  readonly #client: RpcClient
  readonly #params: Readonly<Record<string, unknown>>
  readonly #window = signal<RecordWindow | undefined>(undefined)
  readonly #problem = signal<RpcProblem | undefined>(undefined)
  readonly #busy = signal<Busy>("no")
  readonly #held = signal<ReadonlyArray<LogRecord>>([])
  readonly #isLive: boolean
  #isHolding = false
  #controller = new AbortController()
  #newsTimer: ReturnType<typeof setTimeout> | undefined
  #forget: () => void = () => undefined

  constructor(client: RpcClient, query: LogQuery) {
    this.#client = client
    this.#params = { ...paramsOf(query), words: true }
    this.#isLive = query.until === undefined
  }

  /** What is shown; undefined before the first answer. */
  get window(): ReadonlySignal<RecordWindow | undefined> {
    return this.#window
  }

  /** Why the last question has no answer. */
  get problem(): ReadonlySignal<RpcProblem | undefined> {
    return this.#problem
  }

  /** What is under way. */
  get busy(): ReadonlySignal<Busy> {
    return this.#busy
  }

  /** News that are not shown yet, oldest first. */
  get held(): ReadonlySignal<ReadonlyArray<LogRecord>> {
    return this.#held
  }

  /** Begins with the newest records. */
  start(log: LogFollower): void {
    this.#controller = new AbortController()
    if (this.#isLive) this.#forget = log.listen((records) => this.#hear(records))
    void this.toNewest()
  }

  /** Asks for nothing more. */
  stop(): void {
    this.#forget()
    clearTimeout(this.#newsTimer)
    this.#newsTimer = undefined
    this.#controller.abort()
  }

  /** While somebody reads, news are kept back, so that nothing moves. */
  hold(isHolding: boolean): void {
    this.#isHolding = isHolding
    if (!isHolding) this.#release()
  }

  /** The newest records, whatever is shown now. */
  async toNewest(): Promise<void> {
    this.#held.value = []
    this.#busy.value = "loading"
    const { signal } = this.#controller
    const outcome = await this.#client.callAlone(tailLog, { ...this.#params, count: pageRecords }, signal)
    if (signal.aborted) return
    this.#busy.value = "no"
    if (outcome._tag === "Failed") {
      this.#problem.value = outcome.problem
      return
    }
    this.#problem.value = undefined
    this.#window.value = windowOf(outcome.value)
    if (outcome.value.records.length < fewRecords) await this.older()
  }

  /** Older records behind those that are shown. */
  async older(): Promise<void> {
    let found = 0
    for (let turn = 0; turn < searchTurns && found < fewRecords; turn++) {
      const window = this.#window.value
      if (window?.earlier === undefined || this.#busy.value !== "no") return
      this.#busy.value = turn === 0 ? "loading" : "searching"
      const params = { ...this.#params, count: pageRecords, to: window.earlier }
      const { signal } = this.#controller
      const outcome = await this.#client.callAlone(tailLog, params, signal)
      if (signal.aborted) return
      this.#busy.value = "no"
      if (outcome._tag === "Failed") {
        this.#problem.value = outcome.problem
        return
      }
      found += outcome.value.records.length
      this.#window.value = withOlder(this.#window.value ?? window, outcome.value)
    }
  }

  /** Newer records in front of those that are shown, where these are not the newest. */
  async newer(): Promise<void> {
    const window = this.#window.value
    if (window === undefined || this.#busy.value !== "no") return
    this.#busy.value = "loading"
    await this.#readFrom(window)
    this.#busy.value = "no"
  }

  async #readFrom(window: RecordWindow): Promise<void> {
    const { signal } = this.#controller
    const from = Math.max(window.next, (this.#held.value.at(-1)?.seq ?? 0) + 1)
    const { since: _begin, ...params } = this.#params
    const outcome = await this.#client.callAlone(readLog, { ...params, from, limit: pageRecords }, signal)
    if (signal.aborted || outcome._tag === "Failed") return
    const page = outcome.value
    // Another log: the target has begun anew.
    if (page.durable_seq < window.next - 1) return this.toNewest()
    if (this.#isHolding && !window.isCut) {
      this.#held.value = [...this.#held.value, ...page.records].slice(0, heldMax)
      return
    }
    this.#window.value = withNewer(this.#window.value ?? window, page)
    if (page.next !== undefined && !window.isCut) this.#lookSoon()
  }

  #hear(records: ReadonlyArray<LogRecord>): void {
    if (records.length > 0) this.#lookSoon()
  }

  #lookSoon(): void {
    this.#newsTimer ??= setTimeout(() => {
      this.#newsTimer = undefined
      const window = this.#window.value
      const isFull = this.#held.value.length >= heldMax
      if (window !== undefined && !window.isCut && !isFull) void this.#readFrom(window)
    }, newsMillis)
  }

  #release(): void {
    const [held, window] = [this.#held.value, this.#window.value]
    if (held.length === 0 || window === undefined) return
    if (held.length >= heldMax) return void this.toNewest()
    const last = held.at(-1)?.seq ?? 0
    this.#held.value = []
    this.#window.value = withNewer(window, { records: held, durable_seq: last, next: last + 1 })
  }
}
