/**
 * What was acquired for a command that is not committed yet. A lease is adopted once, by the reconciler that sees its
 * command committed; one that is not is released with its scope.
 */
import { Effect, type Scope } from "effect"
import type { Lease } from "../domain/DataPlane.ts"

/** Leases on resources of one kind. */
export class Leases<Resource> {
  readonly #kind: string
  readonly #held = new Map<string, Resource>()
  #last = 0

  constructor(kind: string) {
    this.#kind = kind
  }

  /** A lease on an acquired resource; `release` runs when the scope closes, unless it was adopted. */
  lease(
    resource: Resource,
    release: (resource: Resource) => Effect.Effect<void>
  ): Effect.Effect<Lease, never, Scope.Scope> {
    return Effect.suspend(() => {
      const id = `${this.#kind}-${++this.#last}`
      this.#held.set(id, resource)
      return Effect.as(
        Effect.addFinalizer(() => Effect.suspend(() => (this.#held.delete(id) ? release(resource) : Effect.void))),
        { id }
      )
    })
  }

  /** Takes over what a lease stands for. */
  adopt(lease: Lease | undefined): Resource | undefined {
    if (lease === undefined) return undefined
    const resource = this.#held.get(lease.id)
    this.#held.delete(lease.id)
    return resource
  }
}
