/**
 * The rules of overlays: what is below one must stay as it is for as long as the overlay is there, so nobody can write
 * to it. Any number of overlays may share a base.
 */
import { Result } from "effect"
import { Busy, InvalidArgument } from "../DomainError.ts"
import { quote } from "../decision.ts"
import { indexGet } from "../multi-index.ts"
import { findBdev, type State } from "../State.ts"
import { stackFrom } from "../target/lun-removal.ts"
import type { Bdev } from "./Bdev.ts"
import {
  BDEV_STACK_DEPTH_MAX,
  type BdevRef,
  type BdevRequest,
  type BdevSpec,
  FILENAME_LENGTH_MAX,
  OVERLAY_BYTES_DEFAULT
} from "./BdevSpec.ts"
import { baseOf } from "./bdev-evolve.ts"

type OverlayRequest = Extract<BdevRequest, { readonly _tag: "Overlay" }>

const bytesMin = 1024 * 1024

/** Where the changes go, or why they cannot. `object` is for messages. */
export const parseOverlaySpec = (
  object: string,
  { filename, maxBytes }: OverlayRequest,
  base: BdevRef
): Result.Result<BdevSpec, InvalidArgument> => {
  const refuse = (reason: string, hint: string) => Result.fail(new InvalidArgument({ object, reason, hint }))
  if (filename === undefined) {
    const bytes = maxBytes ?? OVERLAY_BYTES_DEFAULT
    if (Number.isSafeInteger(bytes) && bytes >= bytesMin) {
      return Result.succeed({ _tag: "Overlay", base, maxBytes: bytes })
    }
    return refuse(`has room for ${bytes} bytes of changes`, "use at least 1 MiB")
  }
  if (maxBytes !== undefined) {
    return refuse("has a file and a limit of memory", "name the file, or the limit: a file may grow up to the base")
  }
  if (filename.startsWith("/") && !filename.includes("\0") && filename.length <= FILENAME_LENGTH_MAX) {
    return Result.succeed({ _tag: "Overlay", base, filename })
  }
  return refuse(`has the file ${quote(filename)}`, `use an absolute path of at most ${FILENAME_LENGTH_MAX} characters`)
}

/** The bdevs that a write to this one changes: itself and what is below, down to an overlay, which keeps it. */
const writtenWith = (state: State, bdev: Bdev): ReadonlyArray<Bdev> => {
  const written: Array<Bdev> = []
  for (let at: Bdev | undefined = bdev; at !== undefined && written.length <= BDEV_STACK_DEPTH_MAX + 1; ) {
    written.push(at)
    const base: BdevRef | undefined = at.spec._tag === "Overlay" ? undefined : baseOf(at)
    at = base === undefined ? undefined : findBdev(state, base.name)
  }
  const lowest = written.at(-1)
  return lowest?.spec._tag === "Aio" && lowest.spec.readOnly ? [] : written
}

/** Why a bdev cannot be a LUN: an overlay needs what its initiators would write to. */
export const disturbedOverlay = (state: State, bdev: Bdev): Busy | undefined => {
  for (const written of writtenWith(state, bdev)) {
    const overlay = stackFrom(state, written).slice(1).find(({ spec }) => spec._tag === "Overlay")
    if (overlay === undefined) continue
    const reason = `cannot be written to: overlay ${overlay.name} needs what bdev ${written.name} holds`
    const hint = `map ${overlay.name} instead, or delete it first`
    return new Busy({ object: `bdev ${bdev.name}`, reason, hint, heldBy: [`bdev ${overlay.name}`] })
  }
  return undefined
}

/** LUNs whose initiators write to this very bdev, by whatever is stacked on it; not those of overlays. */
const writersOf = (state: State, bdev: Bdev): ReadonlyArray<string> => {
  const own = indexGet(state.indexes.mappings, bdev.name).map(({ lun, targetKey }) => `LUN ${lun} of ${targetKey}`)
  const above = indexGet(state.indexes.dependents, bdev.name).flatMap((name) => {
    const dependent = findBdev(state, name)
    return dependent === undefined || dependent.spec._tag === "Overlay" ? [] : writersOf(state, dependent)
  })
  return [...own, ...above]
}

/** Why there can be no overlay on a bdev: somebody writes to it. */
export const writtenBase = (state: State, object: string, base: Bdev): Busy | undefined => {
  const heldBy = writtenWith(state, base).flatMap((written) => writersOf(state, written))
  const [writer] = heldBy
  if (writer === undefined) return undefined
  const reason = `would be on bdev ${base.name}, which ${writer} writes to`
  return new Busy({ object, reason, hint: "an overlay needs a base that nobody changes: remove that LUN first", heldBy })
}
