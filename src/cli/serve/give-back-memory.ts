/**
 * Memory that the process does not use any more goes back to the operating system. libc keeps what its threads have
 * freed, and a server has many: after a scan of the whole log, say, that is a quarter of what it has.
 */
import { Effect } from "effect"
import { libc } from "../../host/libc.ts"

/** How often it is looked at. */
const lookMillis = 30_000
/** What the process must have grown by since the last time, in bytes: a server that is in balance is left alone. */
const growthBytes = 32 * 1024 * 1024

/** Goes on until it is interrupted. Without koffi nothing is given back. */
export const giveBackMemory: Effect.Effect<void> = Effect.gen(function* () {
  let before = process.memoryUsage.rss()
  for (;;) {
    yield* Effect.sleep(lookMillis)
    if (process.memoryUsage.rss() - before < growthBytes) continue
    const calls = libc()
    if (typeof calls === "string") return
    yield* Effect.promise(() => calls.trim())
    before = process.memoryUsage.rss()
  }
})
