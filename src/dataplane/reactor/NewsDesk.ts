/**
 * What drivers find out, on its way out of the reactor. A bdev that has no name yet is no one's: its news wait until it
 * has. Nothing is told twice, nothing after the device is gone, and what waits is bounded: one of each kind.
 */
import type { BdevNews, TellNews } from "../bdev/BdevNews.ts"
import type { BdevId } from "./protocol.ts"

/** Characters of a driver's words that are kept: they may quote what a server has sent. */
const detailMax = 400

/** Between two requests to look at one device: of a disk that fails, each IO may make one. */
const doubtMillis = 200

interface Desk {
  isNamed: boolean
  isGone: boolean
  /** When it was told last that the device should be looked at. */
  doubtedAt: number
  health: string
  readonly waiting: Map<BdevNews["_tag"], BdevNews>
}

const shortened = (news: BdevNews): BdevNews =>
  "detail" in news ? { ...news, detail: news.detail.slice(0, detailMax) } : news

/** One per reactor. */
export class NewsDesk {
  readonly #emit: (bdev: BdevId, news: BdevNews) => void
  readonly #desks = new Map<BdevId, Desk>()

  constructor(emit: (bdev: BdevId, news: BdevNews) => void) {
    this.#emit = emit
  }

  /** A bdev is being opened: its driver tells news with what this gives. */
  open(bdev: BdevId): TellNews {
    const desk: Desk = {
      isNamed: false,
      isGone: false,
      doubtedAt: Number.NEGATIVE_INFINITY,
      health: "ok",
      waiting: new Map()
    }
    this.#desks.set(bdev, desk)
    return (news) => {
      // A driver may still talk when its bdev is closed.
      if (this.#desks.get(bdev) === desk) this.#take(bdev, desk, shortened(news))
    }
  }

  /** From now on its news are told; what has waited is told now. */
  named(bdev: BdevId): void {
    const desk = this.#desks.get(bdev)
    if (desk === undefined) return
    desk.isNamed = true
    for (const news of desk.waiting.values()) this.#emit(bdev, news)
    desk.waiting.clear()
  }

  /** It is closed, or was not opened. */
  forget(bdev: BdevId): void {
    this.#desks.delete(bdev)
  }

  #take(bdev: BdevId, desk: Desk, news: BdevNews): void {
    if (desk.isGone) return
    if (news._tag === "Gone") desk.isGone = true
    if (news._tag === "Doubtful") {
      const now = performance.now()
      if (now - desk.doubtedAt < doubtMillis) return
      desk.doubtedAt = now
    }
    if (news._tag === "Health") {
      const health = `${news.health} ${news.detail}`
      if (health === desk.health || (news.health === "ok" && desk.health.startsWith("ok"))) return
      desk.health = health
    }
    if (desk.isNamed) this.#emit(bdev, news)
    else desk.waiting.set(news._tag, news)
  }
}
