/**
 * How long the server of an NBD disk has been away, or silent, and what follows: first the disk is degraded, then IO is
 * not waited for any more, and in the end the disk may be gone.
 */
import type { TellNews } from "../BdevNews.ts"
import type { NbdSpec } from "../BdevSpec.ts"
import type { LostReason, NbdConnections } from "./NbdConnections.ts"

const tickMillis = 250
/** A server that has said nothing for so long is told of. */
const silentMillis = 5_000
/** The server is there, and what it has is not this disk any more. */
const goneCode = "ENODEV"

type Times = Pick<NbdSpec, "giveUpSeconds" | "reconnectSeconds" | "replySeconds">

/** Of one disk. */
export class Absence {
  /** IO is not kept for the server's return. */
  isOver = false
  readonly #times: Times
  readonly #of: { readonly server: string; readonly tell: TellNews }
  readonly #connections: NbdConnections
  readonly #waitNoMore: () => void
  readonly #timer = setInterval(() => this.#look(performance.now()), tickMillis)
  #since: number | undefined
  #reason: LostReason = { code: "", detail: "" }
  #isSilent = false

  /** `waitNoMore` ends what waits. */
  constructor(
    times: Times,
    of: { readonly server: string; readonly tell: TellNews },
    connections: NbdConnections,
    waitNoMore: () => void
  ) {
    this.#times = times
    this.#of = of
    this.#connections = connections
    this.#waitNoMore = waitNoMore
  }

  /** There is no connection any more. */
  begins(reason: LostReason): void {
    this.#reason = reason
    this.#since = performance.now()
    this.#isSilent = false
    this.#tellDegraded(`${reason.detail}; connecting again`)
  }

  /** It was tried in vain to get one. */
  goesOn(reason: LostReason): void {
    this.#reason = reason
  }

  /** There is a connection. */
  ends(): void {
    if (this.#since === undefined) return
    this.#since = undefined
    this.isOver = false
    this.#tellOk("is back")
  }

  /** Nothing is looked at any more. */
  stop(): void {
    clearInterval(this.#timer)
  }

  #look(now: number): void {
    if (this.#since === undefined) return this.#listen(now)
    const seconds = (now - this.#since) / 1000
    const { giveUpSeconds, reconnectSeconds } = this.#times
    const isGivenUp = giveUpSeconds > 0 && seconds >= giveUpSeconds
    if (!this.isOver && (seconds >= reconnectSeconds || isGivenUp)) {
      this.isOver = true
      this.#tellDegraded(`is away: ${this.#reason.detail}; IO does not wait for it any more`)
      this.#waitNoMore()
    }
    if (this.isOver && (isGivenUp || this.#reason.code === goneCode)) this.#gone()
  }

  #gone(): void {
    this.stop()
    this.#connections.close()
    this.#of.tell({ _tag: "Gone", detail: `the NBD server ${this.#of.server} ${this.#reason.detail}` })
  }

  #listen(now: number): void {
    const { replySeconds } = this.#times
    const silent = this.#connections.silentMillis(now)
    if (replySeconds > 0 && silent >= replySeconds * 1000) {
      return this.#connections.cutSilent(now, replySeconds * 1000)
    }
    const isSilent = silent >= silentMillis
    if (isSilent === this.#isSilent) return
    this.#isSilent = isSilent
    if (isSilent) this.#tellDegraded("has not answered for 5 s")
    else this.#tellOk("answers again")
  }

  #tellDegraded(detail: string): void {
    this.#of.tell({ _tag: "Health", health: "degraded", detail: `the NBD server ${this.#of.server} ${detail}` })
  }

  #tellOk(detail: string): void {
    this.#of.tell({ _tag: "Health", health: "ok", detail: `the NBD server ${this.#of.server} ${detail}` })
  }
}
