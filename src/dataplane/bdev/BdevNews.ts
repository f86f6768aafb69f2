/**
 * What a driver finds out about its device while it is open, without having been asked: plain values that cross the
 * reactor boundary. What becomes of it is decided elsewhere.
 */

/** `degraded`: it works, but not as it should: a server that is being reconnected to, a disk that returns errors. */
export type BdevHealth = "ok" | "degraded"

/** `detail` is a part of a sentence for people, as in `/dev/loop3 is gone`. */
export type BdevNews =
  /** The device is gone for good; once, and the last that is told. */
  | { readonly _tag: "Gone"; readonly detail: string }
  /** It has this many whole logical blocks from now on, at least one. */
  | { readonly _tag: "Resized"; readonly blockCount: number }
  /** An IO has failed in a way that may mean one of the others: the device should be looked at. */
  | { readonly _tag: "Doubtful" }
  | { readonly _tag: "Health"; readonly health: BdevHealth; readonly detail: string }

/** Given to each driver when its device is opened. It may be called at any time, also before the opening has ended. */
export type TellNews = (news: BdevNews) => void
