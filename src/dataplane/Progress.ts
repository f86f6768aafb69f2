/** So that a caller can wait until the data plane has taken note of what it has had recorded. */
import { Deferred, Effect } from "effect"

/** How far the committed entries have been applied, for those who wait for it. */
export class Progress {
  #seq = 0
  readonly #waiting = new Map<Deferred.Deferred<void>, number>()

  /** Everything up to `seq` is applied. */
  reach(seq: number): void {
    this.#seq = Math.max(this.#seq, seq)
    for (const [waiter, wanted] of this.#waiting) {
      if (wanted > this.#seq) continue
      this.#waiting.delete(waiter)
      Deferred.doneUnsafe(waiter, Effect.void)
    }
  }

  /** Resumes when `seq` is applied. */
  wait(seq: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (seq <= this.#seq) return Effect.void
      const waiter = Deferred.makeUnsafe<void>()
      this.#waiting.set(waiter, seq)
      return Effect.onInterrupt(Deferred.await(waiter), () => Effect.sync(() => this.#waiting.delete(waiter)))
    })
  }
}
