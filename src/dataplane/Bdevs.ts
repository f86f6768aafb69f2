/**
 * Reconciles bdevs: opens what the state says is there and closes what is gone. One that can't be opened stays desired,
 * is reported as failed, and is tried again; LUNs are mapped to it when it is up.
 */
import { Deferred, Effect, FiberMap, Queue, type Scope } from "effect"
import type { Bdev, BdevErrorInjection } from "../domain/bdev/Bdev.ts"
import { type BdevRef, type BdevRequest, isSizedByDevice, takesTimeToClose } from "../domain/bdev/BdevSpec.ts"
import { isContentLost } from "../domain/bdev/bdev-evolve.ts"
import type { BdevStatus, Lease } from "../domain/DataPlane.ts"
import { BdevUnavailable } from "../domain/data-plane-errors.ts"
import { type BdevEntry, bdevKey, type Report, statusOfEntry } from "./BdevEntry.ts"
import { BdevOpener, deviceTimeoutMillis, late, type OpenBdev, unanswered } from "./BdevOpener.ts"
import type { BdevNews } from "./bdev/BdevNews.ts"
import type { BdevSpec, SystemRoots } from "./bdev/BdevSpec.ts"
import { refOfNewest, specAgain, specOf } from "./bdev-specs.ts"
import { Gone } from "./Gone.ts"
import { DeviceWatch } from "./hotplug/DeviceWatch.ts"
import type { PathWatch } from "./hotplug/PathWatch.ts"
import type { Observe } from "./OwnObservations.ts"
import type { ReactorClient } from "./ReactorClient.ts"
import type { LimitReport } from "./reactor/protocol.ts"
import type { IdentityStyle } from "./scsi/unit-identity.ts"
import { tellBdevChanges } from "./tell-bdev-changes.ts"
import { tryAgain } from "./try-again.ts"

/** How long a start waits for one device; a file system that hangs must not keep others from coming up. */
const firstAttemptMillis = 1_000

/** What bdevs need of the data plane. */
export interface BdevsSurroundings {
  readonly client: ReactorClient
  readonly identityStyle: IdentityStyle
  /** What takes time: opening, and closing of files. */
  readonly opening: FiberMap.FiberMap<string>
  readonly report: Report
  readonly observe: Observe
  readonly paths: PathWatch
  readonly roots: SystemRoots
  /** Begins something of which nobody waits for the end. */
  readonly run: (work: Effect.Effect<void>) => void
}

/** All open bdevs. */
export class Bdevs {
  readonly #client: ReactorClient
  readonly #identityStyle: IdentityStyle
  readonly #roots: SystemRoots
  readonly #opener: BdevOpener
  readonly #devices: DeviceWatch
  readonly #entries = new Map<string, BdevEntry>()
  readonly #gone = new Gone()
  readonly #opening: FiberMap.FiberMap<string>
  /** See `exportersOf`: as it was when all was brought up. */
  exporters: ReadonlyMap<string, string> = new Map()

  readonly #report: Report
  readonly #observe: Observe
  readonly #run: (work: Effect.Effect<void>) => void

  constructor({ client, identityStyle, observe, opening, paths, report, roots, run }: BdevsSurroundings) {
    this.#client = client
    this.#identityStyle = identityStyle
    this.#opening = opening
    this.#report = report
    this.#observe = observe
    this.#roots = roots
    this.#run = run
    this.#opener = new BdevOpener(client)
    this.#devices = new DeviceWatch(paths)
  }

  /** Reserves what a bdev to be created needs. The base must be open. `name` is for messages. */
  acquire(name: string, request: BdevRequest): Effect.Effect<Lease, BdevUnavailable, Scope.Scope> {
    // A part needs nothing, and how large it is only its rules know.
    if (request._tag === "Split") return Effect.succeed({ id: "" })
    const spec = specOf(request, this.#roots, this.#all)
    return Effect.map(this.#opener.lease({ name, spec }, this.#baseIdOf(spec)), ({ lease, opened }) => {
      const { blockCount, blockSize, nvme } = opened
      if (nvme !== undefined) return { ...lease, namespaces: [{ ...nvme, blockCount }] }
      return isSizedByDevice(request) ? { ...lease, blockCount, blockSize } : lease
    })
  }

  /** The same of one that was in the state: of a file, whole blocks are taken as far as they go. */
  acquireAgain(name: string, was: Bdev["spec"]): Effect.Effect<Lease, BdevUnavailable, Scope.Scope> {
    const known = specAgain(was, this.#roots)
    const spec = "base" in known ? { ...known, base: refOfNewest(known.base.name, this.#all()) } : known
    return Effect.map(this.#opener.lease({ name, spec }, this.#baseIdOf(spec)), ({ lease, opened }) =>
      isSizedByDevice(was) ? { ...lease, blockCount: opened.blockCount } : lease
    )
  }

  /** Several that come with one command, all or none. */
  acquireAll(
    requests: ReadonlyArray<{ readonly name: string; readonly bdev: BdevRequest }>
  ): Effect.Effect<Lease, BdevUnavailable, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const parts = new Map<string, Lease>()
      for (const { bdev, name } of requests) parts.set(name, yield* this.acquire(name, bdev))
      const namespaces = [...parts.values()].flatMap((part) => part.namespaces ?? [])
      return { id: [...parts.values()].map(({ id }) => id).join("+"), namespaces, parts }
    })
  }

  /** A bdev exists from now on; `up` is called when it is open, now or later. Does not wait long for the device. */
  add(bdev: Bdev, lease: Lease | undefined, up: () => void): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.#gone.add(bdevKey(bdev))
      const entry: BdevEntry = {
        bdev,
        id: undefined,
        detail: "it is being opened",
        failedAttempts: 0,
        degraded: undefined
      }
      this.#entries.set(bdevKey(bdev), entry)
      const adopted = this.#opener.adopt(lease)
      if (adopted !== undefined) {
        this.#name(entry, adopted, bdev.spec)
        return up()
      }
      const attempted = yield* Deferred.make<void>()
      const settle = Deferred.succeed(attempted, undefined)
      yield* FiberMap.run(this.#opening, bdevKey(bdev), this.#keepOpening(entry, up, settle))
      yield* Effect.timeoutOption(Deferred.await(attempted), firstAttemptMillis)
    })
  }

  #keepOpening(entry: BdevEntry, up: () => void, attempted: Effect.Effect<unknown>): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const isOpen = yield* this.#tryOpen(entry)
      if (isOpen) up()
      yield* attempted
      if (isOpen) return
      yield* Effect.logWarning(`bdev ${entry.bdev.name} is not open: ${entry.detail}; trying again`)
      const sooner = yield* Queue.sliding<void>(1)
      this.#devices.fail(bdevKey(entry.bdev), entry.bdev, () => Queue.offerUnsafe(sooner, undefined))
      yield* tryAgain(this.#tryOpen(entry), Queue.take(sooner))
      up()
    })
  }

  /**
   * A bdev is gone, by record `seq`: memory and descriptors are given back. A file's operations are not waited for
   * here.
   */
  remove(ref: BdevRef, seq: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const key = bdevKey(ref)
      yield* FiberMap.remove(this.#opening, key)
      const entry = this.#entries.get(key)
      this.#entries.delete(key)
      this.#devices.forget(key)
      const close = entry?.id === undefined ? Effect.void : this.#opener.close(entry.id)
      const closed = Effect.andThen(
        close,
        Effect.sync(() => {
          this.#gone.delete(key)
          // Of what is in memory the record of its removal says all.
          if (entry?.id !== undefined && takesTimeToClose(entry.bdev.spec)) {
            this.#observe({ _tag: "BdevClosed", bdev: ref.name }, seq)
          }
        })
      )
      if (entry !== undefined && takesTimeToClose(entry.bdev.spec)) yield* FiberMap.run(this.#opening, key, closed)
      else yield* closed
    })
  }

  /** The reactor's number of an open bdev. */
  idOf(ref: BdevRef): number | undefined {
    return this.#entries.get(bdevKey(ref))?.id
  }

  /** The open bdev of a reactor's number. */
  refOf(id: number): BdevRef | undefined {
    const bdev = this.#entryOf(id)?.bdev
    return bdev === undefined ? undefined : { name: bdev.name, incarnation: bdev.incarnation }
  }

  #entryOf(id: number): BdevEntry | undefined {
    for (const entry of this.#entries.values()) if (entry.id === id) return entry
    return undefined
  }

  /** The driver of an open bdev has found something out. */
  told(id: number, news: BdevNews): Effect.Effect<void> {
    return Effect.suspend(() => {
      const entry = this.#entryOf(id)
      if (entry === undefined) return Effect.void
      const { incarnation, name } = entry.bdev
      if (news._tag === "Gone") {
        const fact = { _tag: "RecordBdevVanished", name, incarnation, detail: news.detail } as const
        return this.#report(fact, incarnation, "hotplug")
      }
      if (news._tag === "Resized") {
        const fact = { _tag: "RecordBdevResized", name, incarnation, blockCount: news.blockCount } as const
        return this.#report(fact, incarnation, "hotplug")
      }
      if (news._tag === "Doubtful") return Effect.sync(() => this.#devices.look(bdevKey(entry.bdev)))
      const { detail, health } = news
      entry.degraded = health === "ok" ? undefined : detail
      this.#observe({ _tag: "BdevHealth", bdev: name, health, detail }, incarnation)
      return Effect.void
    })
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
    if (entry.id !== undefined) tellBdevChanges(this.#client, entry.id, before, bdev)
  }

  /** Whole blocks that the file of a bdev has now. */
  measure(ref: BdevRef): Effect.Effect<number, BdevUnavailable> {
    return Effect.gen({ self: this }, function* () {
      const bdev = yield* this.#require(ref)
      const answer = yield* Effect.timeoutOrElse(this.#client.request({ _tag: "MeasureBdev", bdev }), {
        duration: deviceTimeoutMillis,
        orElse: () => Effect.succeed(late)
      })
      if (answer._tag === "BdevMeasured") return answer.blockCount
      const { code, detail } = answer._tag === "Failed" ? answer : unanswered
      return yield* new BdevUnavailable({ name: ref.name, code, detail })
    })
  }

  /** The content of a RAM disk into a new file; takes as long as it takes, unless it is interrupted. */
  dump(ref: BdevRef, file: string): Effect.Effect<void, BdevUnavailable> {
    return this.#transfer(ref, "DumpBdev", file)
  }

  /** The content of a file into a RAM disk. */
  load(ref: BdevRef, file: string): Effect.Effect<void, BdevUnavailable> {
    return this.#transfer(ref, "LoadBdev", file)
  }

  #transfer(ref: BdevRef, _tag: "DumpBdev" | "LoadBdev", file: string): Effect.Effect<void, BdevUnavailable> {
    return Effect.gen({ self: this }, function* () {
      const bdev = yield* this.#require(ref)
      const copied = this.#client.request({ _tag, bdev, file })
      const answer = yield* Effect.onInterrupt(copied, () =>
        Effect.sync(() => this.#client.send({ _tag: "CancelCopies", bdev, file }))
      )
      if (answer._tag === "Done") return
      const { code, detail } = answer._tag === "Failed" ? answer : unanswered
      return yield* new BdevUnavailable({ name: ref.name, code, detail })
    })
  }

  /** Arms a fault of an error bdev. */
  inject(ref: BdevRef, injection: BdevErrorInjection): Effect.Effect<void, BdevUnavailable> {
    return this.#tell(ref, (bdev) => ({ _tag: "InjectFault", bdev, fault: injection }))
  }

  /** An overlay forgets its changes. */
  resetOverlay(ref: BdevRef): Effect.Effect<void, BdevUnavailable> {
    return Effect.gen({ self: this }, function* () {
      const bdev = yield* this.#require(ref)
      const answer = yield* Effect.timeoutOrElse(this.#client.request({ _tag: "ResetOverlay", bdev }), {
        duration: deviceTimeoutMillis,
        orElse: () => Effect.succeed(late)
      })
      if (answer._tag === "Done") return
      const { code, detail } = answer._tag === "Failed" ? answer : unanswered
      return yield* new BdevUnavailable({ name: ref.name, code, detail })
    })
  }

  /** Lets IOs go on that a fault holds. */
  resumePending(ref: BdevRef): Effect.Effect<void, BdevUnavailable> {
    return this.#tell(ref, (bdev) => ({ _tag: "ResumePending", bdev }))
  }

  /** What was achieved. */
  status(limits: ReadonlyArray<LimitReport>): ReadonlyArray<BdevStatus> {
    const limitOf = new Map(
      limits.map(({ bdev, delayedCount, waitingCount }) => [bdev, { delayedCount, waitingCount }])
    )
    return [...this.#entries.values()].map((entry) =>
      statusOfEntry(entry, entry.id === undefined ? undefined : limitOf.get(entry.id))
    )
  }

  /** Resumes when the reactor has done it, also in a worker: a query is answered after all commands before it. */
  #tell(
    ref: BdevRef,
    command: (bdev: number) => Parameters<ReactorClient["send"]>[0]
  ): Effect.Effect<void, BdevUnavailable> {
    return Effect.gen({ self: this }, function* () {
      this.#client.send(command(yield* this.#require(ref)))
      const answer = yield* this.#client.request({ _tag: "Query" })
      if (answer._tag !== "Failed") return
      return yield* new BdevUnavailable({ name: ref.name, code: answer.code, detail: answer.detail })
    })
  }

  #require(ref: BdevRef): Effect.Effect<number, BdevUnavailable> {
    return Effect.suspend(() => {
      const id = this.idOf(ref)
      if (id !== undefined) return Effect.succeed(id)
      const detail = this.#entries.get(bdevKey(ref))?.detail ?? "it is not open"
      return Effect.fail(new BdevUnavailable({ name: ref.name, code: "ENODEV", detail }))
    })
  }

  readonly #all = (): ReadonlyArray<Bdev> => [...this.#entries.values()].map(({ bdev }) => bdev)

  #baseIdOf(spec: BdevSpec): number | undefined {
    return "base" in spec ? this.#entries.get(bdevKey(spec.base))?.id : undefined
  }

  /**
   * Its name and UUID are settled only when it is created: from now on it can be a logical unit. It may have changed
   * while it was being opened as `spec`.
   */
  #name(entry: BdevEntry, { id: bdev, identity, nvme }: OpenBdev, spec: Bdev["spec"]): void {
    const { name, uuid } = entry.bdev
    const contentLost = isContentLost(entry.bdev, (base) => this.#entries.get(bdevKey(base))?.bdev)
    entry.id = bdev
    entry.detail = undefined
    entry.degraded = undefined
    this.#tellUp(entry)
    this.#client.send({ _tag: "NameBdev", bdev, name, uuid, contentLost, identityStyle: this.#identityStyle })
    tellBdevChanges(this.#client, bdev, { spec }, entry.bdev)
    const key = bdevKey(entry.bdev)
    const now = () => (this.#entries.get(key) === entry ? entry.bdev : undefined)
    this.#devices.open(key, { identity, path: nvme?.device }, now, (news) => this.#run(this.told(bdev, news)))
  }

  #tellUp({ bdev, failedAttempts }: BdevEntry): void {
    const { incarnation, name, spec } = bdev
    if (!isSizedByDevice(spec) && failedAttempts === 0) return
    const size = "blockCount" in spec ? { blockCount: spec.blockCount } : {}
    this.#observe({ _tag: "BdevUp", bdev: name, ...size, failedAttempts }, incarnation)
  }

  /** Every attempt fails alike until something changes: each reason is told once. */
  #tellFailed(entry: BdevEntry, { code, detail }: { readonly code: string; readonly detail: string }): void {
    const { incarnation, name } = entry.bdev
    if (entry.detail !== detail) this.#observe({ _tag: "BdevFailed", bdev: name, code, detail }, incarnation)
    entry.failedAttempts++
    entry.detail = detail
  }

  #tryOpen(entry: BdevEntry): Effect.Effect<boolean> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const { name, spec } = entry.bdev
        const definition = { name, spec: specAgain(spec, this.#roots) }
        const beside = this.exporters.get(bdevKey(entry.bdev))
        const opening = this.#opener.open(definition, this.#baseIdOf(definition.spec), restore, beside)
        return Effect.flatMap(opening, (opened) => {
          if (!("id" in opened)) {
            this.#tellFailed(entry, opened)
            return Effect.succeed(false)
          }
          this.#name(entry, opened, spec)
          return Effect.as(this.#tellSize(entry.bdev, opened.blockCount), true)
        })
      })
    )
  }

  /** A file may have another size than when the state has last heard of it. */
  #tellSize({ incarnation, name, spec }: Bdev, blockCount: number): Effect.Effect<void> {
    if (!isSizedByDevice(spec) || spec.blockCount === blockCount) return Effect.void
    return this.#report({ _tag: "RecordBdevResized", name, incarnation, blockCount }, incarnation, "dataplane")
  }
}
