/** A control plane over a log whose store a test can hold and break. */
import { Context, Effect, Layer, Queue, type Scope } from "effect"
import { EventLog } from "../../eventlog/EventLog.ts"
import { type LogStore, StoreError, type StoreRange, type StoreWrite } from "../../eventlog/LogStore.ts"
import { MemoryEventLog, MemoryStore } from "../../eventlog/MemoryEventLog.ts"
import type { Cause } from "../../eventlog/record.ts"
import { type Committed, ControlPlane, type ControlPlaneStartError } from "../../src/domain/ControlPlane.ts"

export const cause: Cause = { source: "rpc", actor: "local" }

/** Passes writes on, unless they are held or to be refused; counts synced writes. */
export class GatedStore implements LogStore {
  readonly #inner: LogStore
  #held: Promise<void> | undefined
  #open: () => void = () => undefined
  #entered: () => void = () => undefined
  #broken = false
  syncs = 0
  refuse = false

  constructor(inner: LogStore) {
    this.#inner = inner
  }

  /** Writes wait from now on; the promise ends when the first one does. */
  hold(): Promise<void> {
    this.#held = new Promise((resolve) => {
      this.#open = resolve
    })
    return new Promise((resolve) => {
      this.#entered = resolve
    })
  }

  release(options: { readonly refuse: boolean } = { refuse: false }): void {
    this.refuse = options.refuse
    this.#held = undefined
    this.#open()
  }

  /** What the log gets when it opens the store again after a failure. */
  reopen(): LogStore {
    this.#broken = false
    this.refuse = false
    return this
  }

  async write(writes: ReadonlyArray<StoreWrite>, sync: boolean): Promise<void> {
    this.#entered()
    await this.#held
    if (this.refuse) this.#broken = true
    if (this.#broken) throw new StoreError("ENOSPC", "No space left on device")
    if (sync) this.syncs++
    await this.#inner.write(writes, sync)
  }
  get(keys: ReadonlyArray<string>) {
    return this.#inner.get(keys)
  }
  range(range: StoreRange) {
    return this.#inner.range(range)
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
}

export interface Harness {
  readonly store: GatedStore
  readonly log: EventLog["Service"]
  readonly control: ControlPlane["Service"]
}

/** Another control plane over the same log: what a restart sees. */
export const controlOn = (
  log: EventLog["Service"],
  snapshotEvery = 10_000
): Effect.Effect<ControlPlane["Service"], ControlPlaneStartError, Scope.Scope> =>
  Layer.build(
    ControlPlane.layerWith({ snapshotEvery, lastSnapshotWithin: "5 seconds" }).pipe(
      Layer.provide(Layer.succeed(EventLog, log))
    )
  ).pipe(Effect.map((services) => Context.get(services, ControlPlane)))

export const memoryLog = Effect.suspend(() => {
  const store = new GatedStore(new MemoryStore())
  const log = MemoryEventLog.make({ store, reopen: () => Promise.resolve(store.reopen()) })
  return Effect.map(log, (log) => ({ store, log }))
})

export const harness: Effect.Effect<Harness, ControlPlaneStartError, Scope.Scope> = Effect.gen(function* () {
  const { log, store } = yield* memoryLog
  return { store, log, control: yield* controlOn(log) }
})

/** Everything that was published since the subscription. */
export const collected = (committed: Queue.Dequeue<Committed>): Effect.Effect<ReadonlyArray<Committed>> =>
  Effect.map(Queue.size(committed), (size) => size).pipe(
    Effect.flatMap((size) => (size === 0 ? Effect.succeed([]) : Queue.takeN(committed, size)))
  )
