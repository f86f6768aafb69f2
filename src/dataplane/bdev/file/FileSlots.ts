/**
 * Slots of libuv's thread pool for operations on files. The pool is shared with the event log, and an operation on a
 * file that hangs (a network file system, a failing disk) keeps its thread: so all files together never have more than
 * a part of the pool.
 */

/** Who waits for a slot. */
export interface SlotUser {
  /** A slot may be free: take one, or leave it to the next. Called once per refused `take`. */
  readonly slotFree: () => void
}

/** Threads that libuv starts when UV_THREADPOOL_SIZE does not say otherwise. */
const defaultPoolThreads = 4

/** Threads of this process's pool; `bin/launch.js` makes it 64. */
export const poolThreads = (): number => {
  const given = Number.parseInt(process.env["UV_THREADPOOL_SIZE"] ?? "", 10)
  return given > 0 ? Math.min(given, 1024) : defaultPoolThreads
}

/** A number of slots; who waits is served in order, one slot at a time. */
export class FileSlots {
  private free: number
  private readonly waiting = new Set<SlotUser>()

  constructor(count: number) {
    this.free = count
  }

  /** True: the slot is the caller's until `give`. False: `slotFree` is called later. */
  take(user: SlotUser): boolean {
    if (this.free > 0) {
      this.free -= 1
      return true
    }
    this.waiting.add(user)
    return false
  }

  /** A slot is free again. */
  give(): void {
    this.free += 1
    while (this.free > 0) {
      const next = this.waiting.values().next().value
      if (next === undefined) return
      this.waiting.delete(next)
      next.slotFree()
    }
  }
}
