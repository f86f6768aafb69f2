/**
 * Reconciles bdevs: opens what the state says is there and closes what is gone. One that can't be opened stays desired,
 * is reported as failed, and is tried again; LUNs are mapped to it when it is up.
 */
import { Effect, FiberMap, type Scope } from "effect"
import type { Bdev, BdevErrorInjection, BdevRef, BdevRequest } from "../domain/Bdev.ts"
import { type BdevStatus, BdevUnavailable, type Lease } from "../domain/DataPlane.ts"
import type { BdevDefinition, BdevSpec } from "./bdev/BdevSpec.ts"
import { Gone } from "./Gone.ts"
import { Leases } from "./Leases.ts"
import type { ReactorClient } from "./ReactorClient.ts"
import type { IdentityStyle } from "./scsi/unit-identity.ts"
import { tryAgain } from "./try-again.ts"

interface Entry {
  bdev: Bdev
  /** The reactor's number; undefined while it is not open. */
  id: number | undefined
  detail: string | undefined
}

type Opened = number | { readonly code: string; readonly detail: string }

const bdevKey = (ref: { readonly name: string; readonly incarnation: number }): string =>
  `${ref.name}#${ref.incarnation}`

/** All open bdevs. */
export class Bdevs {
  readonly #client: ReactorClient
  readonly #identityStyle: IdentityStyle
  readonly #leases = new Leases<number>("bdev")
  readonly #entries = new Map<string, Entry>()
  readonly #gone = new Gone()
  readonly #retrying: FiberMap.FiberMap<string>

  constructor(client: ReactorClient, identityStyle: IdentityStyle, retrying: FiberMap.FiberMap<string>) {
    this.#client = client
    this.#identityStyle = identityStyle
    this.#retrying = retrying
  }

  /** Reserves what a bdev to be created needs. The base must be open. `name` is for messages. */
  acquire(name: string, request: BdevRequest): Effect.Effect<Lease, BdevUnavailable, Scope.Scope> {
    return Effect.uninterruptible(
      Effect.gen({ self: this }, function* () {
        const opened = yield* this.#open({ name, spec: this.#specOf(request) })
        if (typeof opened !== "number") return yield* new BdevUnavailable({ name, ...opened })
        return yield* this.#leases.lease(opened, (id) => this.#close(id))
      })
    )
  }

  /** A bdev exists from now on; `up` is called when it is open, now or later. */
  add(bdev: Bdev, lease: Lease | undefined, up: () => void): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.#gone.add(bdevKey(bdev))
      const entry: Entry = { bdev, id: undefined, detail: undefined }
      this.#entries.set(bdevKey(bdev), entry)
      const adopted = this.#leases.adopt(lease)
      if (adopted !== undefined) this.#name(entry, adopted)
      if (entry.id !== undefined || (yield* this.#tryOpen(entry))) return up()
      yield* Effect.logWarning(`bdev ${bdev.name} is not open: ${entry.detail}; trying again`)
      const again = Effect.andThen(tryAgain(this.#tryOpen(entry)), Effect.sync(up))
      yield* FiberMap.run(this.#retrying, bdevKey(bdev), again)
    })
  }

  /** A bdev is gone: its memory is given back. */
  remove(ref: BdevRef): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const key = bdevKey(ref)
      yield* FiberMap.remove(this.#retrying, key)
      const entry = this.#entries.get(key)
      this.#entries.delete(key)
      if (entry?.id !== undefined) yield* this.#close(entry.id)
      this.#gone.delete(key)
    })
  }

  /** The reactor's number of an open bdev. */
  idOf(ref: BdevRef): number | undefined {
    return this.#entries.get(bdevKey(ref))?.id
  }

  /** Resumes when the bdev is closed. */
  awaitClosed(ref: BdevRef): Effect.Effect<void> {
    return this.#gone.wait(bdevKey(ref))
  }

  /** Something of a bdev has changed: one that is not open yet will be opened with it. */
  change(bdev: Bdev): void {
    const entry = this.#entries.get(bdevKey(bdev))
    if (entry === undefined) return
    const before = entry.bdev
    entry.bdev = bdev
    this.#tellChanges(entry, before.spec)
  }

  /** Arms a fault of an error bdev. */
  inject(ref: BdevRef, injection: BdevErrorInjection): Effect.Effect<void, BdevUnavailable> {
    return Effect.flatMap(this.#require(ref), (bdev) => this.#tell({ _tag: "InjectFault", bdev, fault: injection }))
  }

  /** Lets IOs go on that a fault holds. */
  resumePending(ref: BdevRef): Effect.Effect<void, BdevUnavailable> {
    return Effect.flatMap(this.#require(ref), (bdev) => this.#tell({ _tag: "ResumePending", bdev }))
  }

  /** What was achieved. */
  status(): ReadonlyArray<BdevStatus> {
    return [...this.#entries.values()].map(({ bdev, detail, id }) => ({
      name: bdev.name,
      incarnation: bdev.incarnation,
      state: id === undefined ? "failed" : "up",
      ...(detail === undefined ? {} : { detail })
    }))
  }

  /** Resumes when the reactor has done it, also in a worker: a query is answered after all commands before it. */
  #tell(command: Parameters<ReactorClient["send"]>[0]): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#client.send(command)
      return Effect.asVoid(this.#client.request({ _tag: "Query" }))
    })
  }

  #require(ref: BdevRef): Effect.Effect<number, BdevUnavailable> {
    return Effect.suspend(() => {
      const id = this.idOf(ref)
      if (id !== undefined) return Effect.succeed(id)
      return Effect.fail(new BdevUnavailable({ name: ref.name, code: "ENODEV", detail: "it is not open" }))
    })
  }

  /** A request names its base, as the rules do by name or else by UUID: the newest that is open under it. */
  #specOf(request: BdevRequest): BdevSpec {
    if (request._tag === "Malloc" || request._tag === "Null") return request
    const newest = (matches: (bdev: Bdev) => boolean): Bdev | undefined =>
      [...this.#entries.values()]
        .map(({ bdev }) => bdev)
        .filter(matches)
        .reduce<Bdev | undefined>((latest, bdev) => {
          return latest === undefined || bdev.incarnation > latest.incarnation ? bdev : latest
        }, undefined)
    const uuid = request.base.toLowerCase()
    const base = newest((bdev) => bdev.name === request.base) ?? newest((bdev) => bdev.uuid === uuid)
    return { ...request, base: { name: base?.name ?? request.base, incarnation: base?.incarnation ?? 0 } }
  }

  #open(definition: BdevDefinition): Effect.Effect<Opened> {
    return Effect.suspend(() => {
      const { spec } = definition
      const stacked = spec._tag === "Delay" || spec._tag === "Error"
      const base = stacked ? this.#entries.get(bdevKey(spec.base))?.id : undefined
      const bdev = this.#client.takeId()
      return Effect.map(
        this.#client.request({ _tag: "OpenBdev", bdev, definition, base }),
        (answer): Opened => (answer._tag === "Failed" ? { code: answer.code, detail: answer.detail } : bdev)
      )
    })
  }

  /** Its name and UUID are settled only when it is created: from now on it can be a logical unit. */
  #name(entry: Entry, bdev: number): void {
    const { contentLost, name, uuid } = entry.bdev
    entry.id = bdev
    entry.detail = undefined
    this.#client.send({ _tag: "NameBdev", bdev, name, uuid, contentLost, identityStyle: this.#identityStyle })
  }

  #close(bdev: number): Effect.Effect<void> {
    return Effect.asVoid(this.#client.request({ _tag: "CloseBdev", bdev }))
  }

  #tryOpen(entry: Entry): Effect.Effect<boolean> {
    return Effect.uninterruptible(
      Effect.suspend(() => {
        const { name, spec } = entry.bdev
        return Effect.map(this.#open({ name, spec }), (opened) => {
          if (typeof opened === "number") {
            this.#name(entry, opened)
            // It may have changed while it was being opened.
            this.#tellChanges(entry, spec)
          } else entry.detail = opened.detail
          return typeof opened === "number"
        })
      })
    )
  }

  /** Makes an open bdev, which was opened or changed as `before`, what it is to be now. */
  #tellChanges({ bdev: { spec }, id }: Entry, before: BdevSpec): void {
    if (id === undefined) return
    if ("blockCount" in spec && "blockCount" in before && spec.blockCount !== before.blockCount) {
      this.#client.send({ _tag: "ResizeBdev", bdev: id, blockCount: spec.blockCount })
    }
    if (spec._tag === "Delay" && spec !== before) this.#client.send({ _tag: "SetLatencies", bdev: id, latencies: spec })
  }
}
