/** The rules for what of a bdev can change while it is there, under initiators that are logged in. */
import { Equal, Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { Busy, InvalidArgument, NotFound } from "../DomainError.ts"
import { type Decision, type Draft, draftOn, record } from "../decision.ts"
import { findBdev, type State } from "../State.ts"
import { decideBdevRemoval, stackFrom } from "../target/lun-removal.ts"
import { type BdevQos, noQos } from "./Bdev.ts"
import { checkLatencies, holdersOf, requireBdev } from "./bdev-decide.ts"
import { geometryOf } from "./bdev-geometry.ts"

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

/**
 * A pair whose other half is left out stays a pair: the average takes its p99 latency along upwards, and the p99
 * latency its average downwards. So two calls lead to any pair in either order.
 */
const mergePair = (
  now: readonly [average: number, p99: number],
  average: number | undefined,
  p99: number | undefined
): readonly [average: number, p99: number] => {
  if (average !== undefined && p99 === undefined) return [average, Math.max(average, now[1])]
  if (average === undefined && p99 !== undefined) return [Math.min(now[0], p99), p99]
  return [average ?? now[0], p99 ?? now[1]]
}

/** Delay bdevs only; what is set already is no change. */
export const decideSetBdevLatencies = (state: State, command: CommandOf<"SetBdevLatencies">): Decision =>
  Result.gen(function* () {
    const { incarnation, name, spec } = yield* requireBdev(state, command.name)
    const object = `bdev ${name}`
    if (spec._tag !== "Delay") {
      const reason = `is not of kind Delay but ${spec._tag}`
      return yield* Result.fail(new NotFound({ object, reason, hint: "create a delay bdev on top of it" }))
    }
    const { averageReadMicros, averageWriteMicros, p99ReadMicros, p99WriteMicros } = spec
    const read = mergePair([averageReadMicros, p99ReadMicros], command.averageReadMicros, command.p99ReadMicros)
    const write = mergePair([averageWriteMicros, p99WriteMicros], command.averageWriteMicros, command.p99WriteMicros)
    const latencies = {
      averageReadMicros: read[0],
      p99ReadMicros: read[1],
      averageWriteMicros: write[0],
      p99WriteMicros: write[1]
    }
    const refusal = checkLatencies(object, latencies)
    if (refusal !== undefined) return yield* Result.fail(refusal)
    const isSame =
      read[0] === averageReadMicros &&
      read[1] === p99ReadMicros &&
      write[0] === averageWriteMicros &&
      write[1] === p99WriteMicros
    return isSame ? [] : [{ _tag: "BdevLatenciesSet" as const, name, incarnation, latencies }]
  })

/** A file that has become shorter is taken only while nobody uses its bdev: their data would be behind its end. */
export const decideRescanAioBdev = (state: State, command: CommandOf<"RescanAioBdev">): Decision => {
  const { blockCount, incarnation, name } = command
  const bdev = findBdev(state, name)
  const object = `bdev ${name}`
  if (bdev?.incarnation !== incarnation || bdev.phase._tag === "Removing" || bdev.spec._tag !== "Aio") {
    return Result.fail(new NotFound({ object, reason: "is no file that is there to stay", hint: "check the name" }))
  }
  if (blockCount === 0) return Result.succeed(decideBdevRemoval(state, bdev, "vanished"))
  const heldBy = holdersOf(state, bdev)
  if (blockCount < bdev.spec.blockCount && heldBy.length > 0) {
    const reason = `is used, and its file has ${blockCount} blocks where it had ${bdev.spec.blockCount}`
    const hint = `make the file longer again, or remove ${heldBy.join(", ")} first`
    return Result.fail(new Busy({ object, reason, hint, heldBy }))
  }
  return decideRecordBdevResized(state, { _tag: "RecordBdevResized", name, incarnation, blockCount })
}

const iopsStep = 1000
/** Beyond this no machine goes; numbers stay exact in bytes. */
const iopsMax = 10 ** 12
const mebibytesMax = 2 ** 30

type SetBdevQos = CommandOf<"SetBdevQos">

const badLimit = (object: string, { _tag, name: _, ...limits }: SetBdevQos): InvalidArgument | undefined => {
  const given = Object.entries(limits)
  if (given.length === 0) {
    return new InvalidArgument({ object, reason: "is given no limit", hint: "name at least one; 0 is no limit" })
  }
  for (const [key, limit] of given) {
    const most = key === "readWriteIops" ? iopsMax : mebibytesMax
    if (Number.isInteger(limit) && limit >= 0 && limit <= most) continue
    const unit = key === "readWriteIops" ? "IOs" : "MiB"
    const reason = `cannot have a limit of ${limit} ${unit} per second`
    return new InvalidArgument({ object, reason, hint: `use 1 to ${most}, or 0 for no limit` })
  }
  return undefined
}

/** What is left out stays; what is set already is no change. */
export const decideSetBdevQos = (state: State, command: SetBdevQos): Decision =>
  Result.gen(function* () {
    const { incarnation, name, qos: now = noQos } = yield* requireBdev(state, command.name)
    const refusal = badLimit(`bdev ${name}`, command)
    if (refusal !== undefined) return yield* Result.fail(refusal)
    const qos: BdevQos = {
      readWriteIops: Math.ceil((command.readWriteIops ?? now.readWriteIops) / iopsStep) * iopsStep,
      readWriteMiBPerSecond: command.readWriteMiBPerSecond ?? now.readWriteMiBPerSecond,
      readMiBPerSecond: command.readMiBPerSecond ?? now.readMiBPerSecond,
      writeMiBPerSecond: command.writeMiBPerSecond ?? now.writeMiBPerSecond
    }
    return Equal.equals(qos, now) ? [] : [{ _tag: "BdevQosSet" as const, name, incarnation, qos }]
  })

/** A part of which its base has no block left goes with its LUNs. */
const removeCutPart = (draft: Draft, name: string): void => {
  const bdev = findBdev(draft.state, name)
  if (bdev?.phase._tag !== "Active" || bdev.spec._tag !== "Split") return
  if (geometryOf(draft.state, bdev)?.blockCount !== 0) return
  for (const event of decideBdevRemoval(draft.state, bdev, "vanished")) record(draft, event)
}

/** The device behind it has another size. That it has no block left is told as `RecordBdevVanished`. */
export const decideRecordBdevResized = (state: State, fact: CommandOf<"RecordBdevResized">): Decision => {
  const { blockCount, incarnation, name } = fact
  const bdev = findBdev(state, name)
  if (bdev?.incarnation !== incarnation || bdev.phase._tag === "Removing") return nothing
  // Memory has the size that it was taken with, and a stacked bdev its base's.
  if (bdev.spec._tag === "Malloc" || !("blockCount" in bdev.spec)) return nothing
  const isSize = Number.isSafeInteger(blockCount) && Number.isSafeInteger(blockCount * bdev.spec.blockSize)
  if (!isSize || blockCount <= 0 || blockCount === bdev.spec.blockCount) return nothing
  const draft = draftOn(state)
  record(draft, { _tag: "BdevResized", name, incarnation, blockCount })
  for (const above of stackFrom(draft.state, bdev)) removeCutPart(draft, above.name)
  return Result.succeed(draft.events)
}

/** A copy of an older content is in the memory that a restart had emptied. */
export const decideRecordBdevContentLoaded = (state: State, fact: CommandOf<"RecordBdevContentLoaded">): Decision => {
  const { incarnation, name } = fact
  const bdev = findBdev(state, name)
  if (bdev?.incarnation !== incarnation || !bdev.contentLost) return nothing
  return Result.succeed([{ _tag: "BdevContentLoaded", name, incarnation }])
}

/** Recorded only: the data plane does it. */
export const decideResetOverlayBdev = (state: State, command: CommandOf<"ResetOverlayBdev">): Decision =>
  Result.flatMap(requireBdev(state, command.name), ({ incarnation, name, spec }): Decision => {
    if (spec._tag === "Overlay") return Result.succeed([{ _tag: "BdevOverlayReset", name, incarnation }])
    const reason = `is not of kind Overlay but ${spec._tag}`
    return Result.fail(new NotFound({ object: `bdev ${name}`, reason, hint: "only overlays can be reset" }))
  })
