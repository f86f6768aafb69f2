/**
 * Preloaded into a server by `hung-files.test.ts`: opens FIFOs that nobody writes to, so that as many threads of
 * libuv's pool hang as there are paths in LUNLOG_TEST_FIFOS. Says so on stderr, and again when one comes back.
 */
import { open } from "node:fs"
import { isMainThread } from "node:worker_threads"

const paths = (process.env.LUNLOG_TEST_FIFOS ?? "").split(":").filter(Boolean)
if (isMainThread) {
  for (const path of paths) {
    process.stderr.write(`hung: ${path}\n`)
    open(path, "r", () => process.stderr.write(`released: ${path}\n`))
  }
}
