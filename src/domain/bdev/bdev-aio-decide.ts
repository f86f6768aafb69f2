/** The rules of a file that is a disk: its path, its block size and how many blocks it has. */
import { Result } from "effect"
import { InvalidArgument } from "../DomainError.ts"
import { quote } from "../decision.ts"
import { type BdevRequest, type BdevSpec, BLOCK_SIZE_MAX, FILENAME_LENGTH_MAX } from "./BdevSpec.ts"

type AioRequest = Extract<BdevRequest, { readonly _tag: "Aio" }>

const isPowerOfTwo = (size: number): boolean => Number.isInteger(Math.log2(size))

/** `object` is for messages. A request without `blockCount` is that of a plan: its file is not open yet. */
export const parseAioSpec = (object: string, request: AioRequest): Result.Result<BdevSpec, InvalidArgument> => {
  const { blockCount, _tag, ...spec } = request
  const { blockSize, filename } = spec
  const refuse = (reason: string, hint: string) => Result.fail(new InvalidArgument({ object, reason, hint }))
  if (!filename.startsWith("/") || filename.includes("\0") || filename.length > FILENAME_LENGTH_MAX) {
    return refuse(
      `has the file ${quote(filename)}`,
      `use an absolute path of at most ${FILENAME_LENGTH_MAX} characters`
    )
  }
  if (!(blockSize >= 512 && blockSize <= BLOCK_SIZE_MAX && isPowerOfTwo(blockSize))) {
    const reason =
      blockSize === 0 ? "has no block size, and a file has none of its own" : `has blocks of ${blockSize} bytes`
    return refuse(reason, `use a power of two from 512 to ${BLOCK_SIZE_MAX}`)
  }
  if (blockCount === undefined) return Result.succeed({ _tag, ...spec, blockCount: 0 })
  if (!Number.isSafeInteger(blockCount) || blockCount <= 0 || !Number.isSafeInteger(blockCount * blockSize)) {
    return refuse(`has ${blockCount} blocks`, "use a file of at least one block, and of less than 8 PiB")
  }
  return Result.succeed({ _tag, ...spec, blockCount })
}
