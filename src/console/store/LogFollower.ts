/** Follows the event log by long polls: what is new is told to whom it concerns, and the newest records are kept. */
import { type ReadonlySignal, signal } from "@preact/signals"
import { type LogRecord, readLog, tailLog } from "../rpc/log-methods.ts"
import type { RpcClient } from "../rpc/RpcClient.ts"
import type { TurnEnd } from "./Repeated.ts"

/** Records that are kept, and that one read brings at most. */
const recordsKept = 200
/** How long one read waits for news; below what proxies cut. */
const waitMillis = 20_000

/** Takes what has come, oldest first. */
export type LogListener = (records: ReadonlyArray<LogRecord>) => void

/** One for the page. */
export class LogFollower {
  readonly #client: RpcClient
  readonly #listeners = new Set<LogListener>()
  readonly #recent = signal<ReadonlyArray<LogRecord>>([])
  readonly #durableSeq = signal(0)
  #next: number | undefined

  constructor(client: RpcClient) {
    this.#client = client
  }

  /** The newest records, oldest first. */
  get recent(): ReadonlySignal<ReadonlyArray<LogRecord>> {
    return this.#recent
  }

  /** The last record that is on the disk; 0 before anything is known. */
  get durableSeq(): ReadonlySignal<number> {
    return this.#durableSeq
  }

  /** Calls `listener` with all that comes, until the answer is called. */
  listen(listener: LogListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** After a pause: the newest records are fetched anew, what lies between is not. */
  restart(): void {
    this.#next = undefined
  }

  /** One read. */
  readonly turn = async (aborted: AbortSignal): Promise<TurnEnd> => {
    return this.#next === undefined ? this.#begin(aborted) : this.#follow(this.#next, aborted)
  }

  async #begin(aborted: AbortSignal): Promise<TurnEnd> {
    const outcome = await this.#client.callAlone(tailLog, { count: recordsKept, words: true }, aborted)
    if (outcome._tag === "Failed") return outcome.problem._tag === "Aborted" ? "stop" : "failed"
    this.#recent.value = outcome.value.records
    this.#tell(outcome.value.records, outcome.value.durable_seq)
    return "done"
  }

  async #follow(from: number, aborted: AbortSignal): Promise<TurnEnd> {
    const params = { from, limit: recordsKept, timeout: waitMillis, words: true }
    const outcome = await this.#client.callAlone(readLog, params, aborted)
    if (outcome._tag === "Failed") {
      if (outcome.problem._tag === "Aborted") return "stop"
      this.restart()
      return "failed"
    }
    const { durable_seq, next, records } = outcome.value
    this.#tell(records, durable_seq)
    // Another log, or more at once than a person follows: on with the newest.
    if (durable_seq < from - 1 || next !== undefined) this.restart()
    else if (records.length > 0) this.#recent.value = [...this.#recent.value, ...records].slice(-recordsKept)
    return "done"
  }

  #tell(records: ReadonlyArray<LogRecord>, durableSeq: number): void {
    this.#next = durableSeq + 1
    this.#durableSeq.value = durableSeq
    for (const listener of this.#listeners) listener(records)
  }
}
