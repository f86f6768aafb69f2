/** Opens bdevs in the reactor, and gives up on devices that do not answer. */
import { Effect, type Scope } from "effect"
import type { Lease } from "../domain/DataPlane.ts"
import { BdevUnavailable } from "../domain/data-plane-errors.ts"
import type { BdevDefinition } from "./bdev/BdevSpec.ts"
import type { NvmeFound } from "./bdev/nvme/open-nvme-bdev.ts"
import { Leases } from "./Leases.ts"
import type { ReactorClient } from "./ReactorClient.ts"
import type { ReactorAnswer } from "./reactor/protocol.ts"

/** A bdev that is open: the reactor's number, and what its device is. */
export interface OpenBdev {
  readonly id: number
  readonly blockCount: number
  /** Bytes. */
  readonly blockSize: number
  /** As `Bdev.identity` of the data plane. */
  readonly identity: string | undefined
  readonly nvme: NvmeFound | undefined
}

/** Why one is not. */
interface NotOpen {
  readonly code: string
  readonly detail: string
}

/** How long somebody who asks waits for a device, in milliseconds: less than the 60 s of rpc.py. */
export const deviceTimeoutMillis = 20_000

/** What stands for an answer that has not come. */
export const unanswered = { code: "EIO", detail: "the reactor has not answered" }

/** The answer of a device that does not answer in time. */
export const late: ReactorAnswer = {
  _tag: "Failed",
  code: "ETIMEDOUT",
  detail: `its device has not answered within ${deviceTimeoutMillis} ms`
}

/** One per data plane. */
export class BdevOpener {
  readonly #client: ReactorClient
  readonly #leases = new Leases<OpenBdev>("bdev")

  constructor(client: ReactorClient) {
    this.#client = client
  }

  /** Opens it for somebody who waits, within their patience; what is not adopted is closed with the scope. */
  lease(
    definition: BdevDefinition,
    base: number | undefined
  ): Effect.Effect<{ readonly lease: Lease; readonly opened: OpenBdev }, BdevUnavailable, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function* () {
        const opened = yield* this.open(definition, base, (opening) =>
          restore(Effect.timeoutOrElse(opening, { duration: deviceTimeoutMillis, orElse: () => Effect.succeed(late) }))
        )
        const { name } = definition
        if (!("id" in opened)) return yield* new BdevUnavailable({ name, code: opened.code, detail: opened.detail })
        return { opened, lease: yield* this.#leases.lease(opened, ({ id }) => this.#discard(id)) }
      })
    )
  }

  /** Takes over what a lease stands for. */
  adopt(lease: Lease | undefined): OpenBdev | undefined {
    return this.#leases.adopt(lease)
  }

  /**
   * For uninterruptible regions; `wait` may be interrupted and may give up, which leaves nothing open. `beside` is a
   * target that it is used with.
   */
  open(
    definition: BdevDefinition,
    base: number | undefined,
    wait: (opening: Effect.Effect<ReactorAnswer>) => Effect.Effect<ReactorAnswer>,
    beside?: string
  ): Effect.Effect<OpenBdev | NotOpen> {
    return Effect.suspend(() => {
      const bdev = this.#client.takeId()
      const where = beside === undefined ? {} : { beside }
      const opening = wait(this.#client.request({ _tag: "OpenBdev", bdev, definition, base, ...where }))
      return Effect.onInterrupt(opening, () => this.#discard(bdev)).pipe(
        Effect.tap((answer) => (answer === late ? this.#discard(bdev) : Effect.void)),
        Effect.map((answer) => {
          if (answer._tag !== "BdevOpened") return answer._tag === "Failed" ? answer : unanswered
          const { blockCount, blockSize, identity, nvme } = answer
          return { id: bdev, blockCount, blockSize, identity, nvme }
        })
      )
    })
  }

  /** Gives memory and descriptors back. */
  close(bdev: number): Effect.Effect<void> {
    return Effect.asVoid(this.#client.request({ _tag: "CloseBdev", bdev }))
  }

  /** It has not become a bdev: a file that was made for it goes, too. */
  #discard(bdev: number): Effect.Effect<void> {
    return Effect.asVoid(this.#client.request({ _tag: "CloseBdev", bdev, discard: true }))
  }
}
