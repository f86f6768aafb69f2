/**
 * What SPDK notifies of: bdevs that come, go and change their size, numbered from 0 since the process started. The last
 * 1024 are kept, as in SPDK. What was there at the start counts as having come.
 */
import { Context, Effect, Layer, Queue } from "effect"
import { type Committed, ControlPlane } from "../domain/ControlPlane.ts"
import type { Event } from "../domain/Event.ts"
import { activeBdevsOf, findBdev, type State } from "../domain/State.ts"
import { stackFrom } from "../domain/target/lun-removal.ts"

/** How many are kept. */
export const notificationsMax = 1024

/** In the order in which `notify_get_types` names them. */
export const notificationTypes = ["bdev_register", "bdev_unregister", "bdev_resize"] as const

/** One of them. */
export interface Notification {
  readonly type: (typeof notificationTypes)[number]
  /** Name of the bdev. */
  readonly ctx: string
  readonly id: number
}

const notificationsOf = (event: Event, state: State): ReadonlyArray<Pick<Notification, "type" | "ctx">> => {
  switch (event._tag) {
    case "BdevCreated":
      return [{ type: "bdev_register", ctx: event.name }]
    case "BdevRemoved":
      return [{ type: "bdev_unregister", ctx: event.name }]
    case "BdevResized": {
      const bdev = findBdev(state, event.name)
      const stack = bdev === undefined ? [] : stackFrom(state, bdev)
      return stack.map(({ name }) => ({ type: "bdev_resize", ctx: name }))
    }
    default:
      return []
  }
}

class Ring {
  readonly #kept: Array<Notification> = []
  #next = 0

  add(notification: Pick<Notification, "type" | "ctx">): void {
    this.#kept.push({ ...notification, id: this.#next++ })
    if (this.#kept.length > notificationsMax) this.#kept.shift()
  }

  since(id: number, max: number): ReadonlyArray<Notification> {
    return this.#kept.filter((notification) => notification.id >= id).slice(0, max)
  }
}

/** Follows the control plane while its layer lives. */
export class Notifications extends Context.Service<
  Notifications,
  {
    /** From number `id` on, at most `max`, with everything that is durable. */
    readonly since: (id: number, max: number) => Effect.Effect<ReadonlyArray<Notification>>
  }
>()("lunlog/rpc/Notifications") {
  static readonly layer: Layer.Layer<Notifications, never, ControlPlane> = Layer.effect(
    Notifications,
    Effect.gen(function* () {
      const { state, committed } = yield* (yield* ControlPlane).changes
      const ring = new Ring()
      for (const { name } of activeBdevsOf(state)) ring.add({ type: "bdev_register", ctx: name })
      const take = ({ events, state: after }: Committed): void => {
        for (const event of events) for (const notification of notificationsOf(event, after)) ring.add(notification)
      }
      // Both take from the queue synchronously, so that an order is kept whoever comes first.
      const drain = Effect.map(Queue.clear(committed), (entries) => entries.forEach(take))
      yield* Effect.forkScoped(Effect.forever(Effect.map(Queue.take(committed), take)))
      return Notifications.of({
        since: (id, max) => Effect.map(drain, () => ring.since(id, max))
      })
    })
  )
}
