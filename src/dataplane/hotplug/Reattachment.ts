/**
 * Attaches bdevs again whose device had gone, when it is there: looks for it, opens it, and tells the control plane,
 * which gives the bdev what it had. What is nowhere in the file system is tried now and then.
 */
import { Effect, FiberMap, Queue } from "effect"
import type { Cause } from "../../../eventlog/record.ts"
import { baseOf } from "../../domain/bdev/bdev-evolve.ts"
import type { DetachedBdev } from "../../domain/bdev/DetachedBdev.ts"
import { detachedReason } from "../../domain/bdev/declared-state.ts"
import type { ControlPlane } from "../../domain/ControlPlane.ts"
import type { BdevStatus } from "../../domain/DataPlane.ts"
import type { BdevUnavailable } from "../../domain/data-plane-errors.ts"
import { openReplay } from "../../domain/replay/Replay.ts"
import { detachedBdevsOf, findBdev, findDetachedBdev, type State } from "../../domain/State.ts"
import type { Report } from "../BdevEntry.ts"
import type { Bdevs } from "../Bdevs.ts"
import type { Observe } from "../OwnObservations.ts"
import { tryAgain } from "../try-again.ts"
import { devicePath } from "./device-path.ts"
import type { PathWatch } from "./PathWatch.ts"

/** What it needs of the data plane. */
export interface ReattachmentSurroundings {
  readonly paths: Pick<PathWatch, "watch">
  readonly bdevs: Pick<Bdevs, "acquireAgain">
  readonly controlPlane: Pick<ControlPlane["Service"], "dispatchWithLease">
  readonly report: Report
  readonly observe: Observe
  /** One fiber for each bdev that is waited for. */
  readonly waiting: FiberMap.FiberMap<string>
}

const keyOf = ({ name, since }: DetachedBdev): string => `${name}#${since}`

/** One per data plane. */
export class Reattachment {
  readonly #of: ReattachmentSurroundings
  /** Those that are waited for, and why the last attempt has failed. */
  readonly #waiting = new Map<string, { failure: string | undefined }>()
  /** Incarnations of those that get what they had. */
  readonly #restoring = new Set<number>()

  constructor(surroundings: ReattachmentSurroundings) {
    this.#of = surroundings
  }

  /** The state is this: waits for those that are detached in it. To be called whenever that may be others. */
  follow(state: State): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const wanted =
        openReplay(state) === undefined ? detachedBdevsOf(state).filter((one) => isAwaited(state, one)) : []
      const keys = new Set(wanted.map(keyOf))
      for (const key of this.#waiting.keys()) {
        if (keys.has(key)) continue
        this.#waiting.delete(key)
        yield* FiberMap.remove(this.#of.waiting, key)
      }
      for (const detached of wanted) {
        const key = keyOf(detached)
        if (this.#waiting.has(key)) continue
        this.#waiting.set(key, { failure: undefined })
        yield* FiberMap.run(this.#of.waiting, key, this.#wait(detached))
      }
      if (openReplay(state) === undefined) yield* this.#restore(state)
      // What was asked for when one began was not done: it is asked for again at its end.
      else this.#restoring.clear()
    })
  }

  /** What people are told of those that are detached: how they went, or why they cannot be opened again. */
  status(state: State): ReadonlyArray<BdevStatus> {
    return detachedBdevsOf(state)
      .filter(({ attached, name }) => attached === undefined && findBdev(state, name) === undefined)
      .map((detached) => {
        const { incarnation, name } = detached
        const detail = this.#waiting.get(keyOf(detached))?.failure ?? detachedReason(state, detached)
        return { name, incarnation, state: "detached", ...(detail === undefined ? {} : { detail }) }
      })
  }

  #restore(state: State): Effect.Effect<void> {
    const attached = detachedBdevsOf(state).flatMap(({ attached: incarnation, name }) =>
      incarnation === undefined ? [] : [{ name, incarnation }]
    )
    const there = new Set<number>(attached.map(({ incarnation }) => incarnation))
    for (const incarnation of this.#restoring) if (!there.has(incarnation)) this.#restoring.delete(incarnation)
    return Effect.forEach(
      attached.filter(({ incarnation }) => !this.#restoring.has(incarnation)),
      ({ incarnation, name }) => {
        this.#restoring.add(incarnation)
        return this.#of.report({ _tag: "RestoreAttachedBdev", name, incarnation }, incarnation, "hotplug")
      },
      { discard: true }
    )
  }

  #wait(detached: DetachedBdev): Effect.Effect<void> {
    const path = devicePath(detached.spec)
    if (path === undefined) return tryAgain(this.#attach(detached))
    return Effect.gen({ self: this }, function* () {
      const seen = yield* Queue.sliding<void>(1)
      let isThere = false
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          this.#of.paths.watch(path, (now) => {
            isThere = now._tag === "There" && now.byteLength > 0
            if (isThere) Queue.offerUnsafe(seen, undefined)
          })
        ),
        (watched) => Effect.sync(() => watched.close())
      )
      // A namespace may be back under another name.
      const mayMove = detached.spec._tag === "Nvme"
      const attempt = Effect.suspend(() => (isThere || mayMove ? this.#attach(detached) : Effect.succeed(false)))
      yield* tryAgain(attempt, Queue.take(seen))
    }).pipe(Effect.scoped)
  }

  /** Whether there is nothing to wait for any more. */
  #attach(detached: DetachedBdev): Effect.Effect<boolean> {
    const { bdevs, controlPlane } = this.#of
    const { name, since, spec } = detached
    const cause: Cause = { source: "hotplug", actor: "local", correlationId: since }
    const command = { _tag: "AttachBdev", name, since } as const
    return controlPlane.dispatchWithLease<BdevUnavailable, never>(bdevs.acquireAgain(name, spec), command, cause).pipe(
      // Nothing was done if the bdev still drains: then its end is waited for, too.
      Effect.map(({ records, state }) => records.length > 0 || findDetachedBdev(state, name)?.since !== since),
      Effect.catch((error) =>
        Effect.sync(() => {
          const code = error._tag === "BdevUnavailable" ? error.code : error._tag
          this.#failed(detached, code, error._tag === "BdevUnavailable" ? error.detail : error.message)
          return false
        })
      )
    )
  }

  #failed(detached: DetachedBdev, code: string, detail: string): void {
    const waiting = this.#waiting.get(keyOf(detached))
    if (waiting === undefined || waiting.failure === detail) return
    waiting.failure = detail
    this.#of.observe({ _tag: "BdevFailed", bdev: detached.name, code, detail }, detached.since)
  }
}

/** Its own removal is over, and what it was stacked on is there. */
const isAwaited = (state: State, detached: DetachedBdev): boolean => {
  if (detached.attached !== undefined || findBdev(state, detached.name) !== undefined) return false
  const base = baseOf(detached)
  return base === undefined || findBdev(state, base.name)?.phase._tag === "Active"
}
