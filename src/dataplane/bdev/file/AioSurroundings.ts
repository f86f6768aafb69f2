/** What disks in files have of the reactor that they are of, and of who has opened them. */
import type { FileOperation } from "./AioIo.ts"
import type { BounceBuffers } from "./BounceBuffers.ts"
import type { FileOperations } from "./FileOperations.ts"
import type { FileSlots } from "./FileSlots.ts"
import type { TurnBudget } from "./TurnBudget.ts"

/** Operations of one file that libuv has at once: what hangs must leave threads to other files. */
export const operationsPerFileMax = 8

/** What a disk in a file needs of its surroundings. */
export interface AioSurroundings {
  readonly files: FileOperations
  readonly slots: FileSlots
  /** For files that are opened with O_DIRECT. */
  readonly bounces: BounceBuffers
  /** For files that are read and written at once. */
  readonly budget: TurnBudget
  /** An operation failed with this code (an errno name, or `EOF` for a file that is shorter than the disk). */
  readonly failed: (operation: FileOperation, code: string, byteOffset: number) => void
  /** No more IO is taken; what is out may still be on its way. */
  readonly closing: () => void
  /** The descriptor is closed: nothing of this disk reaches the file any more. */
  readonly closed: () => void
  /** Takes a file away that was made for this disk; any other stays. */
  readonly remove: () => Promise<void>
}
