/**
 * All that the page knows, and what keeps it fresh while somebody looks: rates once a second, objects when the log has
 * news of them. A page that is hidden asks for nothing.
 */
import { type ReadonlySignal, signal } from "@preact/signals"
import { createContext } from "preact"
import { useContext } from "preact/hooks"
import { nowMillis } from "../clock.ts"
import type { LogRecord } from "../rpc/log-methods.ts"
import { RpcClient, type RpcClientOptions } from "../rpc/RpcClient.ts"
import { getMetricsHistory, getStatistics } from "../rpc/statistics-methods.ts"
import { Connection } from "./Connection.ts"
import { LiveObjects } from "./LiveObjects.ts"
import { LiveRates, lunKey } from "./LiveRates.ts"
import { LogFollower } from "./LogFollower.ts"
import { Repeated, type TurnEnd } from "./Repeated.ts"

const millisPerSecond = 1000
const ratesPace = { intervalMillis: 1000, longestMillis: 10_000 }
const logPace = { intervalMillis: 250, longestMillis: 10_000 }
/** Memory and warnings change without a record; drains are watched closely. */
const statusSeconds = 5
/** Looks at objects take at most one part in so many of the time, however often they change. */
const refreshShare = 5

/** Types of observations after which sessions are others. */
const ofSessions: ReadonlySet<string> = new Set(["SessionOpened", "SessionClosed"])

/** One for the page. */
export class ConsoleStore {
  readonly connection = new Connection()
  readonly client: RpcClient
  readonly objects: LiveObjects
  readonly rates = new LiveRates()
  readonly log: LogFollower
  /** Of each LUN that drains, the most commands that this page has seen left, by `lunKey`. */
  readonly drainsBegun = new Map<string, number>()
  readonly #paused = signal(false)
  readonly #loops: ReadonlyArray<Repeated>
  readonly #refreshes: Repeated
  #isDirty = true
  #areSessionsDirty = false
  #lastRefreshMillis = 0
  #statusAt = 0
  #startedAt: number | undefined

  constructor(options: Omit<RpcClientOptions, "onConnection">) {
    this.client = new RpcClient({ ...options, onConnection: this.connection.tell })
    this.objects = new LiveObjects(this.client)
    this.log = new LogFollower(this.client)
    this.log.listen((records) => this.#hear(records))
    this.#refreshes = new Repeated(
      () => this.#refresh(),
      () => ({
        intervalMillis: Math.max(millisPerSecond, refreshShare * this.#lastRefreshMillis),
        longestMillis: 10_000
      })
    )
    this.#loops = [
      new Repeated(
        () => this.#lookAtRates(),
        () => ratesPace
      ),
      new Repeated(this.log.turn, () => logPace),
      this.#refreshes
    ]
  }

  /** Whether the charts stand still because somebody wants to look at them. */
  get paused(): ReadonlySignal<boolean> {
    return this.#paused
  }

  /** Begins to look, from anew. */
  start(): void {
    this.#isDirty = true
    this.log.restart()
    for (const loop of this.#loops) loop.start()
    void this.recallRates()
  }

  /** Asks for nothing more. */
  stop(): void {
    for (const loop of this.#loops) loop.stop()
  }

  /** Tries again at once. */
  readonly retry = (): void => {
    for (const loop of this.#loops) loop.hurry()
  }

  /** After a change by this page, or with another token. */
  readonly refreshNow = (): void => {
    this.#isDirty = true
    this.start()
    this.retry()
  }

  /** Fills charts with what the target remembers. Without an answer they begin now. */
  readonly recallRates = async (): Promise<void> => {
    const outcome = await this.client.call(getMetricsHistory)
    if (outcome._tag === "Failed") return
    const { now, samples } = outcome.value
    this.rates.recall(samples, (nowMillis() - now) / millisPerSecond)
  }

  async #lookAtRates(): Promise<TurnEnd> {
    const since = this.rates.activeSince
    const outcome = await this.client.call(getStatistics, since === undefined ? {} : { active_since: since })
    if (outcome._tag === "Answer") {
      this.rates.add(outcome.value, nowMillis() / millisPerSecond)
      return "done"
    }
    return outcome.problem._tag === "Unauthorized" ? "stop" : "failed"
  }

  #hear(records: ReadonlyArray<LogRecord>): void {
    if (records.some(({ kind }) => kind === "control")) this.#isDirty = true
    if (records.some(({ type }) => ofSessions.has(type))) this.#areSessionsDirty = true
  }

  /** Clocks and counters of another process are others. */
  #noticeRestart(): void {
    const startedAt = this.objects.status.value?.started_at
    if (startedAt === this.#startedAt) return
    if (this.#startedAt !== undefined) this.rates.restart()
    this.#startedAt = startedAt
  }

  #followDrains(): void {
    const drains = this.objects.status.value?.lun_drains ?? []
    const keys = new Set(drains.map(({ lun_id, target }) => lunKey(target, lun_id)))
    for (const key of this.drainsBegun.keys()) if (!keys.has(key)) this.drainsBegun.delete(key)
    for (const { commands_left, lun_id, target } of drains) {
      const key = lunKey(target, lun_id)
      this.drainsBegun.set(key, Math.max(commands_left, this.drainsBegun.get(key) ?? 0))
    }
  }

  /** Drains are looked at once a second while there are any. */
  #isStatusDue(): boolean {
    const drains = this.objects.status.value?.lun_drains.length ?? 0
    return drains > 0 || this.#areSessionsDirty || nowMillis() - this.#statusAt >= statusSeconds * millisPerSecond
  }

  async #refresh(): Promise<TurnEnd> {
    if (!this.#isDirty && !this.#isStatusDue()) return "done"
    const begun = performance.now()
    const isWhole = this.#isDirty
    this.#isDirty = false
    this.#areSessionsDirty = false
    const isAnswered = await (isWhole ? this.objects.refreshAll() : this.objects.refreshStatus())
    this.#statusAt = nowMillis()
    this.#followDrains()
    this.#noticeRestart()
    this.#lastRefreshMillis = performance.now() - begun
    if (isAnswered) return "done"
    this.#isDirty ||= isWhole
    return this.connection.state.value._tag === "Unauthorized" ? "stop" : "failed"
  }
}

const StoreContext = createContext<ConsoleStore | undefined>(undefined)

/** Gives the store to all components below. */
export const StoreProvider = StoreContext.Provider

/** The page's store. */
export const useStore = (): ConsoleStore => {
  const store = useContext(StoreContext)
  if (store === undefined) throw new Error("a component is outside of the page")
  return store
}

/** Looks only while the page is shown. */
export const followVisibility = (store: ConsoleStore): void => {
  const follow = () => (document.visibilityState === "visible" ? store.start() : store.stop())
  document.addEventListener("visibilitychange", follow)
  follow()
}
