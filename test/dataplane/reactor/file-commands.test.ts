/** How long the end of a disk is waited for. */
import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { KeptMallocBdev } from "../../../src/dataplane/bdev/memory/KeptMallocBdev.ts"
import { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { contentSaveTimeoutMillis, fileCloseTimeoutMillis } from "../../../src/dataplane/limits.ts"
import { whenDeviceClosed } from "../../../src/dataplane/reactor/file-commands.ts"
import { mallocSpec, okIo } from "../bdev/recorded-io.ts"

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }))
afterEach(() => vi.useRealTimers())

/** Closed with a write that its store holds back; and how often its end has been told. */
const closing = () => {
  const store = new ErrorBdev(new MallocBdev(mallocSpec()))
  const kept = new KeptMallocBdev(mallocSpec(), store)
  kept.load(() => {})
  store.inject({
    ioType: "write",
    errorType: "pending",
    count: 1,
    queueDepth: 0,
    corruptOffset: 0,
    corruptValue: 0
  })
  kept.write(0, Buffer.alloc(512, 7), 0, 512, false, okIo)
  let ended = 0
  kept.close()
  whenDeviceClosed(kept, () => {
    ended++
  })
  return { store, ended: () => ended }
}

describe("the end of a RAM disk that a file keeps", () => {
  it("waits for what was answered and is not in the file yet", () => {
    const { ended, store } = closing()
    vi.advanceTimersByTime(fileCloseTimeoutMillis * 5)
    assert.strictEqual(ended(), 0)
    store.resumePending()
    assert.strictEqual(ended(), 1)
    vi.advanceTimersByTime(contentSaveTimeoutMillis)
    assert.strictEqual(ended(), 1)
  })

  it("does not wait for ever, and is told once", () => {
    const { ended, store } = closing()
    vi.advanceTimersByTime(contentSaveTimeoutMillis)
    assert.strictEqual(ended(), 1)
    store.resumePending()
    assert.strictEqual(ended(), 1)
  })
})
