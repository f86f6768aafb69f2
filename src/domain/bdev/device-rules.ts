/** What the rules of files and exports that are disks have in common: paths, block sizes, sizes that were found. */
import { Result } from "effect"
import { InvalidArgument } from "../DomainError.ts"
import { BLOCK_SIZE_MAX, FILENAME_LENGTH_MAX } from "./BdevSpec.ts"

const isPowerOfTwo = (size: number): boolean => Number.isInteger(Math.log2(size))

/** A path that means the same wherever the target was started. */
export const isAbsolutePath = (path: string): boolean =>
  path.startsWith("/") && !path.includes("\0") && path.length <= FILENAME_LENGTH_MAX

/** Why blocks of a medium that has none of its own cannot have this size, in bytes: a reason and a hint. */
export const blockSizeProblem = (blockSize: number): readonly [reason: string, hint: string] | undefined => {
  if (blockSize >= 512 && blockSize <= BLOCK_SIZE_MAX && isPowerOfTwo(blockSize)) return undefined
  const reason =
    blockSize === 0 ? "has no block size, and a file has none of its own" : `has blocks of ${blockSize} bytes`
  return [reason, `use a power of two from 512 to ${BLOCK_SIZE_MAX}`]
}

/** Blocks that a device was found to have; 0 in a plan, where nobody has looked. */
export const parseFoundSize = (
  object: string,
  blockSize: number,
  blockCount: number | undefined
): Result.Result<number, InvalidArgument> => {
  if (blockCount === undefined) return Result.succeed(0)
  const isPossible = Number.isSafeInteger(blockCount) && blockCount > 0 && Number.isSafeInteger(blockCount * blockSize)
  if (isPossible) return Result.succeed(blockCount)
  const hint = "use a file of at least one block, and of less than 8 PiB"
  return Result.fail(new InvalidArgument({ object, reason: `has ${blockCount} blocks`, hint }))
}
