/** Tells who waits when the data plane has let go of something. */
import { Deferred, Effect } from "effect"

/** Things by key, present until they are gone. */
export class Gone {
  readonly #present = new Map<string, Deferred.Deferred<void>>()

  /** The data plane has it from now on. */
  add(key: string): void {
    if (!this.#present.has(key)) this.#present.set(key, Deferred.makeUnsafe())
  }

  /** The data plane has let go of it. */
  delete(key: string): void {
    const gone = this.#present.get(key)
    this.#present.delete(key)
    if (gone !== undefined) Deferred.doneUnsafe(gone, Effect.void)
  }

  /** Resumes when it is gone; at once if it is not there. */
  wait(key: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const gone = this.#present.get(key)
      return gone === undefined ? Effect.void : Deferred.await(gone)
    })
  }
}
