/**
 * Reconciles portal groups: listens where the state says so. A portal that can't be listened on stays desired, is
 * reported as failed, and is tried again.
 */
import { Effect, FiberMap, type Scope } from "effect"
import type { Lease, PortalStatus } from "../domain/DataPlane.ts"
import { PortalUnavailable } from "../domain/data-plane-errors.ts"
import { type Portal, type PortalGroup, portalKey } from "../domain/group/PortalGroup.ts"
import { Gone } from "./Gone.ts"
import { Leases } from "./Leases.ts"
import type { Observe } from "./OwnObservations.ts"
import type { ReactorClient } from "./ReactorClient.ts"
import { tryAgain } from "./try-again.ts"

/** A bound portal: what was asked for, and the reactor's number of it. */
interface BoundPortal {
  readonly portal: Portal
  readonly id: number
}

interface Entry {
  readonly group: PortalGroup
  readonly portal: Portal
  /** Undefined while it is not bound. */
  id: number | undefined
  accepting: boolean
  code: string | undefined
  /** How often it could not be listened on since it last could. */
  failedAttempts: number
}

const groupKey = (tag: number, incarnation: number): string => `${tag}#${incarnation}`

/** All listening sockets. */
export class Portals {
  readonly #client: ReactorClient
  readonly #leases = new Leases<ReadonlyArray<BoundPortal>>("portals")
  readonly #entries = new Map<string, ReadonlyArray<Entry>>()
  readonly #gone = new Gone()
  readonly #retrying: FiberMap.FiberMap<string>
  readonly #observe: Observe

  constructor(client: ReactorClient, retrying: FiberMap.FiberMap<string>, observe: Observe) {
    this.#client = client
    this.#retrying = retrying
    this.#observe = observe
  }

  /** Binds all of them, or none. */
  acquire(portals: ReadonlyArray<Portal>): Effect.Effect<Lease, PortalUnavailable, Scope.Scope> {
    return Effect.uninterruptible(
      Effect.gen({ self: this }, function* () {
        const bound: Array<BoundPortal> = []
        for (const portal of portals) {
          const opened = yield* this.#open(portal)
          if (typeof opened === "number") {
            bound.push({ portal, id: opened })
            continue
          }
          yield* this.#release(bound)
          return yield* new PortalUnavailable({ ...portal, ...opened })
        }
        return yield* this.#leases.lease(bound, (unused) => this.#release(unused))
      })
    )
  }

  /** A group exists from now on. Without a lease its portals are opened, now or later. */
  add(group: PortalGroup, lease: Lease | undefined, accept: boolean): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const bound = this.#leases.adopt(lease) ?? []
      const key = groupKey(group.tag, group.incarnation)
      this.#gone.add(key)
      const entries = group.portals.map((portal): Entry => {
        const id = bound.find((other) => portalKey(other.portal) === portalKey(portal))?.id
        return { group, portal, id, accepting: false, code: undefined, failedAttempts: 0 }
      })
      this.#entries.set(key, entries)
      for (const entry of entries) {
        if (accept && !group.wait) this.#accept(entry)
        if (entry.id === undefined) yield* this.#openEntry(entry)
        else this.#tellUp(entry)
      }
    })
  }

  /** All groups that need not wait accept from now on. */
  acceptAll(): void {
    for (const entries of this.#entries.values()) {
      for (const entry of entries) if (!entry.group.wait) this.#accept(entry)
    }
  }

  /** A group that was created to wait accepts from now on. */
  start(group: PortalGroup): void {
    for (const entry of this.#entries.get(groupKey(group.tag, group.incarnation)) ?? []) this.#accept(entry)
  }

  /** A group is deleted, by record `seq`. Connections stay. */
  remove(tag: number, incarnation: number, seq: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const key = groupKey(tag, incarnation)
      const entries = this.#entries.get(key) ?? []
      this.#entries.delete(key)
      for (const entry of entries) {
        yield* FiberMap.remove(this.#retrying, this.#retryKey(entry))
        if (entry.id === undefined) continue
        yield* this.#client.request({ _tag: "ClosePortal", portal: entry.id })
        this.#observe({ _tag: "PortalClosed", ...entry.portal, portalGroupTag: tag }, seq)
      }
      this.#gone.delete(key)
    })
  }

  /** Resumes when the group's addresses are free. */
  awaitClosed(tag: number, incarnation: number): Effect.Effect<void> {
    return this.#gone.wait(groupKey(tag, incarnation))
  }

  /** What was achieved. */
  status(): ReadonlyArray<PortalStatus> {
    return [...this.#entries.values()].flat().map(({ accepting, code, group, id, portal }) => ({
      tag: group.tag,
      ...portal,
      // One that is not tried yet has not failed.
      state: code !== undefined ? "failed" : accepting && id !== undefined ? "listening" : "waiting",
      ...(code === undefined ? {} : { code })
    }))
  }

  #retryKey(entry: Entry): string {
    return `${groupKey(entry.group.tag, entry.group.incarnation)}/${entry.portal.host}:${entry.portal.port}`
  }

  #accept(entry: Entry): void {
    entry.accepting = true
    if (entry.id === undefined) return
    this.#client.send({ _tag: "AcceptPortal", portal: entry.id, portalGroupTag: entry.group.tag })
  }

  /** The reactor's number, or why not. */
  #open(portal: Portal): Effect.Effect<number | { readonly code: string; readonly detail: string }> {
    return Effect.suspend(() => {
      const id = this.#client.takeId()
      return Effect.map(this.#client.request({ _tag: "OpenPortal", portal: id, ...portal }), (answer) =>
        answer._tag === "Failed" ? { code: answer.code, detail: answer.detail } : id
      )
    })
  }

  #release(bound: ReadonlyArray<BoundPortal>): Effect.Effect<void> {
    return Effect.forEach(bound, ({ id }) => this.#client.request({ _tag: "ClosePortal", portal: id }), {
      discard: true
    })
  }

  #tellUp(entry: Entry): void {
    const { failedAttempts, group, portal } = entry
    entry.failedAttempts = 0
    this.#observe({ _tag: "PortalUp", ...portal, portalGroupTag: group.tag, failedAttempts }, group.incarnation)
  }

  /** Every attempt fails alike until something changes: each reason is told once. */
  #tellFailed(entry: Entry, why: { readonly code: string; readonly detail: string }): void {
    const { group, portal } = entry
    entry.failedAttempts++
    if (entry.code !== why.code) {
      const portalGroupTag: number = group.tag
      this.#observe({ _tag: "PortalFailed", ...portal, portalGroupTag, ...why }, group.incarnation)
    }
    entry.code = why.code
  }

  #openEntry(entry: Entry): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (yield* this.#tryOpen(entry)) return
      const { host, port } = entry.portal
      yield* Effect.logWarning(
        `portal ${host}:${port} of group ${entry.group.tag} is not open (${entry.code}); trying again`
      )
      yield* FiberMap.run(this.#retrying, this.#retryKey(entry), tryAgain(this.#tryOpen(entry)))
    })
  }

  #tryOpen(entry: Entry): Effect.Effect<boolean> {
    return Effect.uninterruptible(
      Effect.map(this.#open(entry.portal), (opened) => {
        if (typeof opened !== "number") {
          this.#tellFailed(entry, opened)
          return false
        }
        entry.id = opened
        entry.code = undefined
        this.#tellUp(entry)
        if (entry.accepting) this.#accept(entry)
        return true
      })
    )
  }
}
