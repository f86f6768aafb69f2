/** The parts of a bdev: their names, their size, and whether another one goes with those that are there. */
import { Result } from "effect"
import { AlreadyExists, type DomainError, InvalidArgument } from "../DomainError.ts"
import { indexGet } from "../multi-index.ts"
import { findBdev, type State } from "../State.ts"
import type { Bdev } from "./Bdev.ts"
import { type BdevRef, type BdevRequest, type BdevSpec, SPLIT_PARTS_MAX } from "./BdevSpec.ts"
import { type Geometry, geometryOf } from "./bdev-geometry.ts"

const mebibyte = 1024 * 1024

type SplitSpec = Extract<BdevSpec, { readonly _tag: "Split" }>
type SplitRequest = Extract<BdevRequest, { readonly _tag: "Split" }>

/** SPDK's rule: a part has no name of its own. */
export const partNameOf = (base: string, part: number): string => `${base}p${part}`

/** The parts of a bdev that are there to stay, in their order. */
export const partsOf = (state: State, base: string): ReadonlyArray<Bdev & { readonly spec: SplitSpec }> =>
  indexGet(state.indexes.dependents, base)
    .flatMap((name) => {
      const bdev = findBdev(state, name)
      if (bdev?.phase._tag !== "Active" || bdev.spec._tag !== "Split") return []
      return [{ ...bdev, spec: bdev.spec }]
    })
    .toSorted((a, b) => a.spec.part - b.spec.part)

/** Blocks of each part; 0 if it is not known yet how many the base has. */
export const blocksPerPart = (
  object: string,
  geometry: Geometry | undefined,
  parts: number,
  partMebibytes: number
): Result.Result<number, InvalidArgument> => {
  const refuse = (reason: string, hint: string) => Result.fail(new InvalidArgument({ object, reason, hint }))
  if (!Number.isInteger(parts) || parts < 1 || parts > SPLIT_PARTS_MAX) {
    return refuse(`cannot be split into ${parts} parts`, `use 1 to ${SPLIT_PARTS_MAX}`)
  }
  const bytes = partMebibytes * mebibyte
  if (!Number.isSafeInteger(bytes) || !Number.isInteger(partMebibytes) || bytes < 0) {
    return refuse(`cannot be split into parts of ${partMebibytes} MiB`, "use whole MiB, or 0 for equal parts")
  }
  const { blockCount = 0, blockSize = 0 } = geometry ?? {}
  if (blockCount === 0) return Result.succeed(0)
  if (bytes % blockSize !== 0) {
    return refuse(`has blocks of ${blockSize} bytes`, `parts of ${partMebibytes} MiB have no whole number of them`)
  }
  const blocks = bytes === 0 ? Math.floor(blockCount / parts) : bytes / blockSize
  if (blocks > 0 && blocks <= blockCount) return Result.succeed(blocks)
  const hint = "ask for fewer or smaller parts"
  return refuse(`has ${blockCount} blocks, too few for ${parts} parts of ${partMebibytes} MiB`, hint)
}

/** One part of `base`. Others that are there say how large it is: the base may have grown since. */
export const parseSplitSpec = (
  state: State,
  object: string,
  request: SplitRequest,
  base: BdevRef
): Result.Result<SplitSpec, DomainError> =>
  Result.gen(function* () {
    const { part, partMebibytes, parts } = request
    const below = findBdev(state, base.name)
    const geometry = below === undefined ? undefined : geometryOf(state, below)
    const [sibling] = partsOf(state, base.name)
    if (sibling !== undefined && (sibling.spec.parts !== parts || sibling.spec.partMebibytes !== partMebibytes)) {
      const reason = `is on bdev ${base.name}, which is split into ${sibling.spec.parts} parts already`
      return yield* Result.fail(new AlreadyExists({ object, reason, hint: "delete those parts first" }))
    }
    const partBlocks = sibling?.spec.partBlocks ?? (yield* blocksPerPart(object, geometry, parts, partMebibytes))
    const isPart = Number.isInteger(part) && part >= 0 && part < parts
    const fits = partBlocks === 0 || (part + 1) * partBlocks <= (geometry?.blockCount ?? 0)
    if (isPart && fits) return { _tag: "Split", base, part, parts, partMebibytes, partBlocks }
    const reason = isPart ? `is beyond the end of bdev ${base.name}` : `cannot be part ${part} of ${parts}`
    const hint = isPart ? "leave it out, or ask for smaller parts" : `use 0 to ${parts - 1}`
    return yield* Result.fail(new InvalidArgument({ object, reason, hint }))
  })
