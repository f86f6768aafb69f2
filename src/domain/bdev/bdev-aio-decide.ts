/** The rules of a file that is a disk: its path, its block size and how many blocks it has. */
import { Result } from "effect"
import { InvalidArgument } from "../DomainError.ts"
import { quote } from "../decision.ts"
import { type BdevRequest, type BdevSpec, FILENAME_LENGTH_MAX } from "./BdevSpec.ts"
import { blockSizeProblem, isAbsolutePath, parseFoundSize } from "./device-rules.ts"

type AioRequest = Extract<BdevRequest, { readonly _tag: "Aio" }>

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
  const { blockCount, ...spec } = request
  const { blockSize, filename } = spec
  const refuse = (reason: string, hint: string) => Result.fail(new InvalidArgument({ object, reason, hint }))
  const badName = checkFilename(object, filename)
  if (badName !== undefined) return Result.fail(badName)
  const problem = blockSizeProblem(blockSize)
  if (problem !== undefined) return refuse(...problem)
  return Result.map(parseFoundSize(object, blockSize, blockCount), (found) => ({ ...spec, blockCount: found }))
}
