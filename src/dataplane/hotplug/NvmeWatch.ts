/**
 * Watches for what appears of NVMe: namespaces of controllers that are attached with all of theirs, and, if that is
 * wanted, controllers that are plugged in. What goes away is noticed as with any device, by its node; what was a disk
 * before comes back as that disk (`Reattachment`).
 *
 * Controllers that are there when hotplug is turned on, or when the target starts, are left alone: they are the
 * machine's own disks. One that was let go is left alone too, until somebody attaches it.
 */
import { join } from "node:path"
import { Effect, Queue, type Scope } from "effect"
import type { Cause } from "../../../eventlog/record.ts"
import type { CommandOf } from "../../domain/Command.ts"
import type { ControlPlane } from "../../domain/ControlPlane.ts"
import type { BdevUnavailable } from "../../domain/data-plane-errors.ts"
import { type NvmeController, nvmeBdevName } from "../../domain/nvme/NvmeController.ts"
import { nextHotName } from "../../domain/nvme/nvme-decide.ts"
import { openReplay } from "../../domain/replay/Replay.ts"
import { findBdev, findDetachedBdev, findNvmeController, nvmeControllersOf, type State } from "../../domain/State.ts"
import type { Bdevs } from "../Bdevs.ts"
import type { SystemRoots } from "../bdev/BdevSpec.ts"
import { findNvmeController as findOnMachine } from "../bdev/nvme/find-nvme-controller.ts"
import { listFolder } from "../bdev/nvme/sysfs-text.ts"
import type { Observe } from "../OwnObservations.ts"
import type { PathWatch, Watched } from "./PathWatch.ts"

/** What it needs of the data plane. */
export interface NvmeWatchSurroundings {
  readonly paths: PathWatch
  readonly bdevs: Bdevs
  readonly controlPlane: ControlPlane["Service"]
  readonly observe: Observe
  readonly roots: SystemRoots
}

/** Shortest time between two looks for controllers, in milliseconds, whatever was asked for. */
const periodMillisMin = 50

const addressPattern = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/u

/** One per data plane. */
export class NvmeWatch {
  readonly #of: NvmeWatchSurroundings
  readonly #woken: Queue.Queue<void>
  #folder: Watched | undefined
  /** Addresses of controllers that were there before; undefined while nobody wants to know. */
  #seen: ReadonlySet<string> | undefined
  /** Why something that appeared could not be a disk: told once. */
  readonly #failures = new Map<string, string>()

  private constructor(surroundings: NvmeWatchSurroundings, woken: Queue.Queue<void>) {
    this.#of = surroundings
    this.#woken = woken
  }

  /** Runs as long as its scope. */
  static make(surroundings: NvmeWatchSurroundings): Effect.Effect<NvmeWatch, never, Scope.Scope> {
    return Effect.gen(function* () {
      const watch = new NvmeWatch(surroundings, yield* Queue.sliding<void>(1))
      yield* Effect.addFinalizer(() => Effect.sync(() => watch.#folder?.close()))
      yield* Effect.forkScoped(watch.#run())
      return watch
    })
  }

  /** The state may be another. */
  wake(): void {
    Queue.offerUnsafe(this.#woken, undefined)
  }

  #run(): Effect.Effect<never> {
    return Effect.forever(
      Effect.gen({ self: this }, function* () {
        const { hotplug } = this.#of.controlPlane.state().nvme
        const period = Math.max(hotplug.periodMicros / 1000, periodMillisMin)
        const woken = Queue.take(this.#woken)
        yield* hotplug.enable ? Effect.raceFirst(woken, Effect.sleep(period)) : woken
        const state = this.#of.controlPlane.state()
        if (openReplay(state) !== undefined) return
        this.#watchFolder(state)
        for (const controller of nvmeControllersOf(state)) if (!controller.listed) yield* this.#lookAt(controller)
        yield* this.#lookForControllers(state)
      })
    )
  }

  /** Nodes of namespaces appear there, and the system tells of that. */
  #watchFolder({ nvme }: State): void {
    const isWanted =
      nvme.hotplug.enable || [...nvmeControllersOf(this.#of.controlPlane.state())].some((one) => !one.listed)
    if (isWanted) this.#folder ??= this.#of.paths.watchFolder(this.#of.roots.devices, () => this.wake())
    else {
      this.#folder?.close()
      this.#folder = undefined
    }
  }

  #lookAt({ address, incarnation, name }: NvmeController): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const { bdevs, controlPlane, roots } = this.#of
      const found = yield* Effect.promise(() => findOnMachine(roots, address))
      if (found._tag === "BdevFailure") return
      for (const { blockCount, namespaceId } of found.namespaces) {
        const state = controlPlane.state()
        const bdev = nvmeBdevName(name, namespaceId)
        const isKnown = findBdev(state, bdev) !== undefined || findDetachedBdev(state, bdev) !== undefined
        if (blockCount === 0 || isKnown || findNvmeController(state, name)?.incarnation !== incarnation) continue
        const request = { _tag: "Nvme", controller: name, address, namespaceId, readOnly: false } as const
        const command = { _tag: "AttachNvmeNamespace", controller: name, incarnation, namespaceId } as const
        yield* this.#attach(bdev, bdevs.acquire(bdev, request), command, incarnation)
      }
    })
  }

  #lookForControllers(state: State): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (!state.nvme.hotplug.enable) {
        this.#seen = undefined
        return
      }
      const { roots } = this.#of
      const folder = join(roots.sysfs, "bus", "pci", "drivers", "nvme")
      const there = new Set(yield* Effect.promise(() => listFolder(folder, addressPattern)))
      const before = this.#seen ?? there
      this.#seen = there
      const known = new Set([...nvmeControllersOf(state).map(({ address }) => address), ...state.nvme.skipped])
      for (const address of there) {
        if (before.has(address) || known.has(address)) continue
        const isAttached = yield* this.#attachController(address)
        // One that is not ready yet is looked at again.
        if (!isAttached) this.#seen = new Set([...this.#seen].filter((one) => one !== address))
      }
    })
  }

  #attachController(address: string): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function* () {
      const { bdevs, controlPlane, roots } = this.#of
      const found = yield* Effect.promise(() => findOnMachine(roots, address))
      if (found._tag === "BdevFailure") return false
      const name = nextHotName(controlPlane.state())
      const namespaceIds = found.namespaces.filter((one) => one.blockCount > 0).map((one) => one.namespaceId)
      const lease = bdevs.acquireAll(
        namespaceIds.map((namespaceId) => ({
          name: nvmeBdevName(name, namespaceId),
          bdev: { _tag: "Nvme", controller: name, address, namespaceId, readOnly: false }
        }))
      )
      const data = found.facts
      const command = { _tag: "AttachNvmeController", name, address, listed: false, data, namespaceIds } as const
      return yield* this.#attach(name, lease, command, undefined)
    })
  }

  /** What cannot be a disk (it is mounted, say) is told once, and left alone until something changes. */
  #attach(
    name: string,
    acquire: ReturnType<Bdevs["acquire"]>,
    command: CommandOf<"AttachNvmeNamespace" | "AttachNvmeController">,
    correlationId: number | undefined
  ): Effect.Effect<boolean> {
    const { controlPlane, observe } = this.#of
    const cause: Cause = {
      source: "hotplug",
      actor: "local",
      ...(correlationId === undefined ? {} : { correlationId })
    }
    return controlPlane.dispatchWithLease<BdevUnavailable, never>(acquire, command, cause).pipe(
      Effect.map(() => {
        this.#failures.delete(name)
        return true
      }),
      Effect.catch((error) =>
        Effect.sync(() => {
          const isOpening = error._tag === "BdevUnavailable"
          const detail = isOpening ? error.detail : error.message
          if (this.#failures.get(name) !== detail) {
            this.#failures.set(name, detail)
            observe(
              { _tag: "BdevFailed", bdev: name, code: isOpening ? error.code : error._tag, detail },
              correlationId ?? 0
            )
          }
          return true
        })
      )
    )
  }
}
