/**
 * Watches paths from outside: told by the operating system where it tells, and by looking every now and then where it
 * does not (sizes of block devices, sysfs, network file systems, a folder that is not there yet).
 *
 * Looking is bounded: so many at once in all, one in a folder, so many in a turn. A file system that hangs keeps one
 * look for each folder of it that is watched; others do not wait for that, as long as there is one left. A change
 * counts when it has stayed for a moment.
 */
import { basename, dirname } from "node:path"
import type { List, Look, Seen } from "./Seen.ts"
import { WatchedFolder, type WatchFolder } from "./WatchedFolder.ts"

/** What it needs of the system; tests have their own. */
export interface WatchSurroundings {
  readonly look: Look
  readonly list: List
  readonly watchFolder: WatchFolder
  /** In milliseconds; only goes forward. */
  readonly now: () => number
  /** Between two looks at everything; undefined: only what the system tells is looked at. */
  readonly pollMillis: number | undefined
  /** The system refuses to tell of more folders: they are only looked at from now on. Called once. */
  readonly refused: (code: string) => void
}

/** What somebody watches. */
export interface Watched {
  /** Looks again soon: there is a reason to. */
  readonly look: () => void
  readonly close: () => void
}

/** Looks at the same time: of libuv's threads, which the event log needs too. */
const looksMax = 6
/** Looks of one turn of polling; what is more comes with the next. */
const turnMax = 256
/** Between a notice and the look: one change makes several notices. */
const noticeMillis = 20
/** A change has to stay for so long, but nobody waits longer than this for something that never rests. */
const confirmMillis = 100
const confirmMaxMillis = 2_000

interface Item {
  readonly name: string
  /** Looks, and gives what tells it from before, and how to tell of it. */
  readonly look: () => Promise<{ readonly signature: string; readonly tell: () => void }>
  readonly folder: Folder
  told: string | undefined
  /** What a change was last seen as, and since when there is one. */
  changing: { readonly signature: string; readonly since: number } | undefined
}

interface Folder {
  readonly watched: WatchedFolder
  readonly items: Set<Item>
  readonly due: Set<Item>
  isLooking: boolean
  /** Look at the folder itself first: it may be another, or there at last. */
  isRenewed: boolean
}

const signatureOf = (seen: Seen): string =>
  seen._tag === "There"
    ? `${seen.identity} ${seen.kind} ${seen.sequence ?? ""} ${seen.byteLength}`
    : `${seen._tag} ${seen.code}`

/** All paths of one data plane. */
export class PathWatch {
  readonly #of: WatchSurroundings
  readonly #folders = new Map<string, Folder>()
  /** Folders with something due, in order. */
  readonly #ready = new Set<Folder>()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #polling: NodeJS.Timeout | undefined
  #looks = 0
  #isClosed = false
  #isRefused = false
  /** Folders that are still to come in this round of polling. */
  #round: Array<Folder> = []

  constructor(surroundings: WatchSurroundings) {
    this.#of = surroundings
    const { pollMillis } = surroundings
    this.#polling = pollMillis === undefined ? undefined : setInterval(() => this.#poll(), pollMillis)
  }

  /** `seen` is called with what is at the path now, and then whenever that is something else. */
  watch(path: string, seen: (seen: Seen) => void): Watched {
    return this.#add(dirname(path), basename(path), async () => {
      const now = await this.#of.look(path)
      return { signature: signatureOf(now), tell: () => seen(now) }
    })
  }

  /** `changed` is called with the names in the folder, and then whenever they are others; undefined: no folder. */
  watchFolder(path: string, changed: (names: ReadonlyArray<string> | undefined) => void): Watched {
    return this.#add(path, "", async () => {
      const names = await this.#of.list(path)
      return { signature: names === undefined ? "absent" : names.join("/"), tell: () => changed(names) }
    })
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#polling)
    for (const timer of this.#timers) clearTimeout(timer)
    for (const { watched } of this.#folders.values()) watched.close()
    this.#folders.clear()
    this.#ready.clear()
  }

  #add(path: string, name: string, look: Item["look"]): Watched {
    const folder = this.#folderOf(path)
    const item: Item = { name, look, folder, told: undefined, changing: undefined }
    folder.items.add(item)
    folder.isRenewed = true
    this.#want(item)
    return {
      look: () => this.#want(item),
      close: () => {
        folder.items.delete(item)
        folder.due.delete(item)
        if (folder.items.size > 0 || this.#folders.get(path) !== folder) return
        folder.watched.close()
        this.#folders.delete(path)
      }
    }
  }

  #folderOf(path: string): Folder {
    const known = this.#folders.get(path)
    if (known !== undefined) return known
    const folder: Folder = {
      watched: new WatchedFolder(path, this.#of, {
        changed: (name) => this.#noticed(folder, name),
        // A timer may be early by a moment.
        rests: (millis) => this.#later(millis + noticeMillis, () => this.#renewed(folder))
      }),
      items: new Set(),
      due: new Set(),
      isLooking: false,
      isRenewed: true
    }
    this.#folders.set(path, folder)
    return folder
  }

  /** A name that is unknown may be any; what is not watched is not looked at. */
  #noticed(folder: Folder, name: string | undefined): void {
    const meant = [...folder.items].filter((item) => name === undefined || item.name === name || item.name === "")
    // The folder itself is named when it has been removed or moved.
    if (name === undefined || name === basename(folder.watched.path)) folder.isRenewed = true
    const due = folder.isRenewed ? [...folder.items] : meant
    if (due.length > 0) this.#later(noticeMillis, () => this.#wantAll(due))
  }

  /** It has rested: what became of it meanwhile was told of by nobody, and without polling will be by none. */
  #renewed(folder: Folder): void {
    folder.isRenewed = true
    this.#wantAll([...folder.items])
  }

  #later(millis: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      then()
    }, millis)
    this.#timers.add(timer)
  }

  #poll(): void {
    if (this.#round.length === 0) this.#round = [...this.#folders.values()]
    let looks = 0
    while (looks < turnMax) {
      const folder = this.#round.pop()
      if (folder === undefined) return
      folder.isRenewed = true
      looks += 1 + folder.items.size
      this.#wantAll([...folder.items])
    }
  }

  #want(item: Item): void {
    this.#wantAll([item])
  }

  #wantAll(items: ReadonlyArray<Item>): void {
    for (const item of items) {
      if (!item.folder.items.has(item)) continue
      item.folder.due.add(item)
      if (!item.folder.isLooking) this.#ready.add(item.folder)
    }
    this.#goOn()
  }

  #goOn(): void {
    for (const folder of this.#ready) {
      if (this.#looks >= looksMax || this.#isClosed) return
      this.#ready.delete(folder)
      this.#looks++
      folder.isLooking = true
      void this.#lookInto(folder).finally(() => {
        this.#looks--
        folder.isLooking = false
        if (folder.due.size > 0) this.#ready.add(folder)
        this.#goOn()
      })
    }
  }

  /** What is due in one folder, one after the other; what becomes due meanwhile has its turn after the others'. */
  async #lookInto(folder: Folder): Promise<void> {
    if (folder.isRenewed) await this.#renew(folder)
    for (const item of [...folder.due]) {
      folder.due.delete(item)
      const { signature, tell } = await item.look()
      if (this.#isClosed) return
      if (folder.items.has(item)) this.#compare(item, signature, tell)
    }
  }

  async #renew(folder: Folder): Promise<void> {
    folder.isRenewed = false
    const seen = await this.#of.look(folder.watched.path)
    if (this.#isClosed || folder.items.size === 0) return
    try {
      folder.watched.keep(seen._tag === "There" ? seen.identity : undefined)
    } catch (error) {
      if (!this.#isRefused) this.#of.refused(error instanceof Error ? error.message : String(error))
      this.#isRefused = true
    }
  }

  #compare(item: Item, signature: string, tell: () => void): void {
    const { changing, told } = item
    const now = this.#of.now()
    if (signature === told) {
      item.changing = undefined
      return
    }
    const isSettled = changing?.signature === signature || now - (changing?.since ?? now) >= confirmMaxMillis
    if (told === undefined || isSettled) {
      item.told = signature
      item.changing = undefined
      return tell()
    }
    item.changing = { signature, since: changing?.since ?? now }
    this.#later(confirmMillis, () => this.#want(item))
  }
}
