/** An overlay whose changes are in memory. */
import type { Bdev } from "../Bdev.ts"
import { MemoryStore } from "./MemoryStore.ts"
import { OverlayBdev } from "./OverlayBdev.ts"
import { granuleBytesOf } from "./OverlayStore.ts"

/** Its changes have at most so many bytes; a reset is done before it returns. */
export const memoryOverlay = (base: Bdev, maxBytes: number): OverlayBdev => {
  const renewed = (): MemoryStore => new MemoryStore(granuleBytesOf(base.blockSize), maxBytes)
  return new OverlayBdev(base, renewed(), base.blockCount, (_blockCount, done) => done(renewed()))
}
