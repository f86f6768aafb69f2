/**
 * Calls of libc that koffi has in libuv's pool for this thread. Node does not list them with its own operations, and a
 * process cannot exit while one of them hangs.
 */
let underWay = 0

/** Whether there are some. */
export const hasPoolCalls = (): boolean => underWay > 0

/** A call begins, and ends with this. */
export const inPool = <Arguments extends ReadonlyArray<unknown>>(
  done: (...result: Arguments) => void
): ((...result: Arguments) => void) => {
  underWay++
  return (...result) => {
    underWay--
    done(...result)
  }
}
