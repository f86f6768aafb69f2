/**
 * A LUN in use by a command of another LUN: the source or destination of a copy. For a removal of the LUN it counts as
 * a command that the disk has.
 */
import type { Nexus } from "../scsi/Nexus.ts"
import type { LunUse } from "../scsi/SessionView.ts"
import type { LunPath } from "./Session.ts"
import type { SubmittedCommand } from "./Target.ts"

/** One use, from its construction to `end`. */
export class MappingUse implements LunUse, SubmittedCommand {
  readonly submittedAt = performance.now()
  readonly #path: LunPath
  readonly #isThere: () => boolean
  readonly #waiting: Array<() => void> = []
  #isGivenUp = false

  /** `isThere`: the session still has this path. */
  constructor(path: LunPath, isThere: () => boolean) {
    this.#path = path
    this.#isThere = isThere
    path.mapping.begin(this)
  }

  get nexus(): Nexus {
    return this.#path.nexus
  }

  get isOver(): boolean {
    return this.#isGivenUp || !this.#path.mapping.active || !this.#isThere()
  }

  get isZombie(): boolean {
    return this.#isGivenUp
  }

  giveUp(): void {
    this.#isGivenUp = true
  }

  whenEnded(then: () => void): void {
    this.#waiting.push(then)
  }

  end(): void {
    this.#path.mapping.end(this)
    for (const then of this.#waiting.splice(0)) then()
  }
}
