/**
 * Asks only for what is wanted last: while something is dragged, questions come faster than answers. Questions are a
 * little apart, a new one gives up the one before, and answers are kept for a while.
 */
import type { Outcome } from "../../rpc/RpcClient.ts"
import { LruCache } from "./LruCache.ts"

/** How `Latest` asks and tells. */
export interface LatestOptions<Question, Answer> {
  /** Equal questions have equal keys, for as long as their answers are equal. */
  readonly keyOf: (question: Question) => string
  readonly ask: (question: Question, signal: AbortSignal) => Promise<Outcome<Answer>>
  /** What the last question came to; never that of an earlier one. */
  readonly onOutcome: (question: Question, outcome: Outcome<Answer>) => void
  /** From one question to the next, in milliseconds. */
  readonly apartMillis: number
  /** Answers that are kept. */
  readonly kept: number
}

/** One for each thing that is dragged. */
export class Latest<Question, Answer> {
  readonly #options: LatestOptions<Question, Answer>
  readonly #answers: LruCache<Outcome<Answer>>
  #running: AbortController | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(options: LatestOptions<Question, Answer>) {
    this.#options = options
    this.#answers = new LruCache(options.kept)
  }

  /** Wants the answer to this, and to nothing that was wanted before. */
  want(question: Question): void {
    this.stop()
    const known = this.#answers.get(this.#options.keyOf(question))
    if (known !== undefined) {
      this.#options.onOutcome(question, known)
      return
    }
    const pause = Math.max(0, this.#askedAt + this.#options.apartMillis - performance.now())
    this.#timer = setTimeout(() => void this.#ask(question), pause)
  }

  /** Wants nothing any more. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#running?.abort()
    this.#running = undefined
  }

  async #ask(question: Question): Promise<void> {
    const controller = new AbortController()
    this.#running = controller
    this.#askedAt = performance.now()
    const outcome = await this.#options.ask(question, controller.signal)
    if (this.#running !== controller) return
    this.#running = undefined
    if (outcome._tag === "Answer") this.#answers.set(this.#options.keyOf(question), outcome)
    this.#options.onOutcome(question, outcome)
  }
}
