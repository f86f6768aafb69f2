/** The end of a process, also of one whose file operations hang. */

/** How long operations have that are only slow, in milliseconds. */
const patienceMillis = 500
const pollMillis = 20

const hasFileOperations = (): boolean => process.getActiveResourcesInfo().some((name) => name.startsWith("FSReq"))

/**
 * Ends with `code`, at once unless file operations are out: Node's own, or others that `hasOthers` knows of. `leave`
 * ends a process in which they hang.
 */
export const endProcess = (code: number, leave: (code: number) => void, hasOthers: () => boolean): void => {
  if (!hasFileOperations() && !hasOthers()) process.exit(code)
  const deadline = performance.now() + patienceMillis
  setInterval(() => {
    if (!hasFileOperations() && !hasOthers()) process.exit(code)
    if (performance.now() > deadline) leave(code)
  }, pollMillis)
}
