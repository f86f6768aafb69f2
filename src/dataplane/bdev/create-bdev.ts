/** From a bdev's definition to the opened device, or the reason why the machine can't have it. */
import type { Bdev } from "./Bdev.ts"
import type {
  AioSpec,
  BaseRef,
  BdevDefinition,
  BdevSpec,
  MallocSpec,
  NbdSpec,
  NullSpec,
  NvmeSpec,
  OverlaySpec,
  StackedSpec
} from "./BdevSpec.ts"
import { type DiskMemory, mebibytes, memoryShortage } from "./DiskMemory.ts"
import { MallocBdev } from "./memory/MallocBdev.ts"
import { NullBdev } from "./memory/NullBdev.ts"
import { type BdevFailure, failure, type OpenedBdev, opened } from "./OpenedBdev.ts"
import { memoryOverlay } from "./overlay/memory-overlay.ts"
import { DelayBdev } from "./wrapper/DelayBdev.ts"
import { ErrorBdev } from "./wrapper/ErrorBdev.ts"
import { PassthruBdev } from "./wrapper/PassthruBdev.ts"
import { SplitBdev } from "./wrapper/SplitBdev.ts"

/** What opening a bdev needs from its surroundings. */
export interface BdevSurroundings {
  /** The bdev that a wrapper goes on, if it is open. */
  readonly openBase: (base: BaseRef) => Bdev | undefined
  /** Numbers in [0, 1) for the delay bdev; a seeded one in tests. */
  readonly random: () => number
  /** Where it takes memory for its content; who opens it gives it back. */
  readonly memory: Pick<DiskMemory, "take" | "left" | "limit">
  /** Where a RAM disk has its content, if that is to outlive it; counted by who has made it. */
  readonly slab?: SharedArrayBuffer | undefined
}

const sizeProblem = (name: string, spec: MallocSpec | NullSpec): string | undefined => {
  const bytes = spec.blockCount * spec.blockSize
  if (Number.isSafeInteger(bytes) && spec.blockCount > 0 && spec.blockSize > 0 && spec.blockSize % 512 === 0) return
  return (
    `bdev ${name} can't have ${spec.blockCount} blocks of ${spec.blockSize} bytes: ` +
    "at least one block, of a multiple of 512 bytes, and at most 8 PiB in all"
  )
}

/** Takes so many bytes for a bdev, or says why not. */
const memoryProblem = (name: string, bytes: number, memory: BdevSurroundings["memory"]): string | undefined =>
  memory.take(bytes) ? undefined : memoryShortage(name, bytes, memory)

/** `make` may throw when there is no memory. */
export const createMalloc = (
  name: string,
  spec: MallocSpec,
  memory: BdevSurroundings["memory"],
  make: () => Bdev
): OpenedBdev => {
  const bytes = spec.blockCount * spec.blockSize
  // Counted first because the operating system promises memory freely and kills the process when it is used.
  const problem = memoryProblem(name, bytes, memory)
  if (problem !== undefined) return failure("ENOMEM", problem)
  try {
    return opened(make())
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return failure("ENOMEM", `bdev ${name} needs ${mebibytes(bytes)} of memory, which can't be had: ${reason}`)
  }
}

const createOverlay = (
  name: string,
  { maxBytes = 0 }: OverlaySpec,
  base: Bdev,
  memory: BdevSurroundings["memory"]
): OpenedBdev => {
  const problem = memoryProblem(name, maxBytes, memory)
  return problem === undefined ? opened(memoryOverlay(base, maxBytes)) : failure("ENOMEM", problem)
}

const stackedBdev = (spec: Exclude<StackedSpec, OverlaySpec>, base: Bdev, { random }: BdevSurroundings): Bdev => {
  switch (spec._tag) {
    case "Delay":
      return new DelayBdev(spec, base, random)
    case "Error":
      return new ErrorBdev(base)
    case "Passthru":
      return new PassthruBdev(base)
    case "Split":
      return new SplitBdev(spec, base)
  }
}

/** What is stacked has to be told of its base. */
export const baseIsMissing = (name: string, base: BaseRef): BdevFailure =>
  failure("ENODEV", `bdev ${name} needs its base ${base.name}, which is not open: create that one first`)

/** What is opened at once; files and servers are not. */
export interface DeviceDefinition extends BdevDefinition {
  readonly spec: Exclude<BdevSpec, AioSpec | NbdSpec | NvmeSpec>
}

/** Opens the device. What it holds (memory, timers) is given back by its `close`. */
export const createBdev = (definition: DeviceDefinition, surroundings: BdevSurroundings): OpenedBdev => {
  const { name, spec } = definition
  if (spec._tag === "Malloc" || spec._tag === "Null") {
    const problem = sizeProblem(name, spec)
    if (problem !== undefined) return failure("EINVAL", problem)
    if (spec._tag === "Null") return opened(new NullBdev(spec))
    const { slab } = surroundings
    if (slab !== undefined) return opened(new MallocBdev(spec, false, slab))
    return createMalloc(name, spec, surroundings.memory, () => new MallocBdev(spec))
  }
  const base = surroundings.openBase(spec.base)
  if (base === undefined) return baseIsMissing(name, spec.base)
  if (spec._tag === "Overlay") return createOverlay(name, spec, base, surroundings.memory)
  return opened(stackedBdev(spec, base, surroundings))
}
