/**
 * The end of a process whose file operations hang. An exit waits for libuv's threads, and so for ever; another program
 * in the process's place ends them. By then everything that has to be in order is.
 */

/** How long operations have that are only slow, in milliseconds. */
const patienceMillis = 500
const pollMillis = 20

const hasFileOperations = (): boolean => process.getActiveResourcesInfo().some((name) => name.startsWith("FSReq"))

const replaceProcess = (code: number): void => {
  // It is an experimental feature of Node 24, and says so.
  process.removeAllListeners("warning")
  process.execve?.("/bin/sh", ["/bin/sh", "-c", `exit ${code}`], {})
}

/** Ends with `code`, at once unless file operations are out. */
export const endProcess = (code: number): void => {
  if (!hasFileOperations()) process.exit(code)
  const deadline = performance.now() + patienceMillis
  setInterval(() => {
    if (!hasFileOperations()) process.exit(code)
    if (performance.now() < deadline) return
    try {
      replaceProcess(code)
    } catch {
      // There is no shell, or no such call.
    }
    process.kill(process.pid, "SIGKILL")
  }, pollMillis)
}
