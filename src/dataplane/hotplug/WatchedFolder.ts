/**
 * The operating system's notices of one folder (inotify). It also tells of each write to each file in it, which costs
 * the data path: so a folder in which much happens is left alone for a while, and only looked at.
 */

/** Tells that something in a folder may have changed: `name`, or unknown. Ends with `close`. */
export interface FolderNotices {
  readonly close: () => void
}

/** Throws where the system cannot: `ENOSPC` and `EMFILE` if too many folders are watched. */
export type WatchFolder = (
  folder: string,
  changed: (name: string | undefined) => void,
  ended: () => void
) => FolderNotices

/** Notices in one second, beyond which a folder is left alone for `restMillis`. */
const noticesPerSecond = 32
const restMillis = 5_000

/** One folder. `now` is in milliseconds and only goes forward. */
export class WatchedFolder {
  readonly path: string
  readonly #watch: WatchFolder
  readonly #now: () => number
  readonly #changed: (name: string | undefined) => void
  readonly #rests: (millis: number) => void
  #notices: FolderNotices | undefined
  #identity = ""
  #second = 0
  #count = 0
  #restsUntil = 0

  /** `changed` is called with each notice, `rests` with the time for which there will be none. */
  constructor(
    path: string,
    { now, watchFolder }: { readonly now: () => number; readonly watchFolder: WatchFolder },
    {
      changed,
      rests
    }: {
      readonly changed: (name: string | undefined) => void
      readonly rests: (millis: number) => void
    }
  ) {
    this.path = path
    this.#watch = watchFolder
    this.#now = now
    this.#changed = changed
    this.#rests = rests
  }

  /**
   * The folder that is at the path now (by `identity`; undefined: none) is watched, unless it rests. Throws what the
   * system does. To be called when the folder has just answered: watching is a system call on this thread.
   */
  keep(identity: string | undefined): void {
    if (identity !== this.#identity) this.close()
    if (identity === undefined || this.#notices !== undefined || this.#now() < this.#restsUntil) return
    const notices = this.#watch(this.path, this.#noticed, () => {
      if (this.#notices === notices) this.close()
    })
    this.#notices = notices
    this.#identity = identity
  }

  close(): void {
    this.#notices?.close()
    this.#notices = undefined
    this.#identity = ""
  }

  readonly #noticed = (name: string | undefined): void => {
    const second = Math.floor(this.#now() / 1000)
    if (second !== this.#second) this.#count = 0
    this.#second = second
    this.#count++
    if (this.#count > noticesPerSecond) {
      this.#restsUntil = this.#now() + restMillis
      this.close()
      this.#rests(restMillis)
    }
    this.#changed(name)
  }
}
