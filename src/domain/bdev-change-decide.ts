/** The rules for what of a bdev can change while it is there, with its initiators logged in: its size. */
import { Result } from "effect"
import { requireBdev } from "./bdev-decide.ts"
import type { CommandOf } from "./Command.ts"
import { InvalidArgument } from "./DomainError.ts"
import type { Decision } from "./decision.ts"
import { findBdev, type State } from "./State.ts"

const nothing: Decision = Result.succeed([])

/** Null bdevs grow; the same size is no change, and a smaller one is refused. */
export const decideResizeNullBdev = (state: State, command: CommandOf<"ResizeNullBdev">): Decision =>
  Result.gen(function* () {
    const { incarnation, name, spec } = yield* requireBdev(state, command.name)
    const object = `bdev ${name}`
    if (spec._tag !== "Null") {
      const reason = `is not of kind Null but ${spec._tag}`
      return yield* Result.fail(new InvalidArgument({ object, reason, hint: "only null bdevs are resized by a call" }))
    }
    const { byteLength } = command
    const blockCount = Math.floor(byteLength / spec.blockSize)
    if (!Number.isSafeInteger(byteLength)) {
      const reason = `cannot have ${byteLength} bytes`
      return yield* Result.fail(new InvalidArgument({ object, reason, hint: "use less than 8 PiB" }))
    }
    if (blockCount < spec.blockCount) {
      const reason = `has ${spec.blockCount * spec.blockSize} bytes and cannot shrink to ${byteLength}`
      return yield* Result.fail(new InvalidArgument({ object, reason, hint: "ask for at least what it has" }))
    }
    return blockCount === spec.blockCount ? [] : [{ _tag: "BdevResized" as const, name, incarnation, blockCount }]
  })

/** The device behind it has another size. That it has no block left is told as `RecordBdevVanished`. */
export const decideRecordBdevResized = (state: State, fact: CommandOf<"RecordBdevResized">): Decision => {
  const { blockCount, incarnation, name } = fact
  const bdev = findBdev(state, name)
  if (bdev?.incarnation !== incarnation || bdev.phase._tag === "Removing") return nothing
  // Memory has the size that it was taken with, and a stacked bdev its base's.
  if (bdev.spec._tag === "Malloc" || !("blockCount" in bdev.spec)) return nothing
  const isSize = Number.isSafeInteger(blockCount) && Number.isSafeInteger(blockCount * bdev.spec.blockSize)
  if (!isSize || blockCount <= 0 || blockCount === bdev.spec.blockCount) return nothing
  return Result.succeed([{ _tag: "BdevResized", name, incarnation, blockCount }])
}
