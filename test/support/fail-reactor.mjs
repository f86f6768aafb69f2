/**
 * Preloaded into a server by `reactor-failure.test.ts`: when the file LUNLOG_TEST_FAIL_FILE with `.1` after it is
 * there, the thread of reactor 1 fails in the way that it says: `throw`, `exit`, or `memory`, which uses up its heap.
 */
import { readFileSync, unlinkSync } from "node:fs"
import { isMainThread, workerData } from "node:worker_threads"

const index = workerData?.surroundings?.place?.index
const file = `${process.env.LUNLOG_TEST_FAIL_FILE}.${index}`

const look = () => {
  let how
  try {
    how = readFileSync(file, "utf8")
    unlinkSync(file)
  } catch {
    return
  }
  if (how === "exit") process.exit(7)
  if (how === "memory") for (const kept = []; ; ) kept.push(new Array(1_000_000).fill(0.5))
  throw new Error("it fails as the test wants")
}

if (!isMainThread && index !== undefined) setInterval(look, 10).unref()
