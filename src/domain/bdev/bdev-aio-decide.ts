/** The rules of a file or block device that is a disk: its path, its block size and how many blocks it has. */
import { Result } from "effect"
import { InvalidArgument } from "../DomainError.ts"
import { quote } from "../decision.ts"
import { type BdevRequest, type BdevSpec, FILENAME_LENGTH_MAX } from "./BdevSpec.ts"
import { blockSizeProblem, isAbsolutePath, parseFoundSize } from "./device-rules.ts"

type AioSpec = Extract<BdevSpec, { readonly _tag: "Aio" }>
type AioRequest = Extract<BdevRequest, { readonly _tag: "Aio" }>

/** Bytes. */
const smallestBlock = 512

/** Why a path is none that a bdev can have; undefined if it is. */
export const checkFilename = (object: string, filename: string): InvalidArgument | undefined =>
  isAbsolutePath(filename)
    ? undefined
    : new InvalidArgument({
        object,
        reason: `has the file ${quote(filename)}`,
        hint: `use an absolute path of at most ${FILENAME_LENGTH_MAX} characters`
      })

/** `object` is for messages. A request without `blockCount` is that of a plan: its file is not open yet. */
export const parseAioSpec = (object: string, request: AioRequest): Result.Result<BdevSpec, InvalidArgument> => {
  const { blockCount, _tag, createBytes, mustBeNew, ...given } = request
  const { blockSize, filename } = given
  // Only a plan does not know the device's yet.
  const isOwn = blockSize === 0 && blockCount === undefined
  const refuse = (reason: string, hint: string) => Result.fail(new InvalidArgument({ object, reason, hint }))
  const badName = checkFilename(object, filename)
  if (badName !== undefined) return Result.fail(badName)
  const problem = isOwn ? undefined : blockSizeProblem(blockSize)
  if (problem !== undefined) return refuse(...problem)
  if (createBytes !== undefined && !(Number.isSafeInteger(createBytes) && createBytes > 0)) {
    return refuse(`cannot be made with ${createBytes} bytes`, "give it a size below 8 PiB, as 10GiB")
  }
  if (createBytes !== undefined && createBytes % (blockSize || smallestBlock) !== 0) {
    const hint = `make the size a multiple of ${blockSize || smallestBlock}`
    return refuse(`cannot be made with ${createBytes} bytes, which are no whole blocks`, hint)
  }
  const spec: Omit<AioSpec, "blockCount"> = {
    _tag,
    ...given,
    ...(isOwn ? { ownBlockSize: true } : {}),
    // What was made for one call is not made again by another.
    ...(createBytes === undefined || mustBeNew === true ? {} : { createBytes })
  }
  return Result.map(parseFoundSize(object, blockSize, blockCount), (found) => ({ ...spec, blockCount: found }))
}
