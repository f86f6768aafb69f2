/** What the disks of a fork begin with: which are filled, from where, and why others are empty. */
import type { Bdev } from "../../domain/bdev/Bdev.ts"
import { geometryOf } from "../../domain/bdev/bdev-geometry.ts"
import type { ForkData, ForkMapping } from "../../domain/replay/Fork.ts"
import { bdevsOf, findBdev, type State } from "../../domain/State.ts"
import { forkFile } from "../../history/fork/fork-names.ts"

/** A disk of the fork that holds something of its own; null and stacked bdevs do not. */
export interface DiskPlan {
  readonly name: Bdev["name"]
  readonly incarnation: Bdev["incarnation"]
  readonly kind: "file" | "memory"
  readonly bytes: number
  /** A file of the source that is copied. */
  readonly source?: string
  /** File of the fork: the disk itself, or what its memory is filled from. */
  readonly file: string
  /** Undefined: it gets the source's content. */
  readonly empty: string | undefined
}

/** What is known when disks are planned. */
export interface DiskSource {
  /** As of the moment that is forked. */
  readonly state: State
  readonly today: State
  readonly isRunning: boolean
  /** Whether the source has a file. */
  readonly isFile: (path: string) => boolean
}

const sizeOf = ({ spec }: Bdev): number => ("blockCount" in spec ? spec.blockCount * spec.blockSize : 0)

/** No file of an overlay is longer: its content, its maps, and what is between them. */
const overlayFileBytes = (state: State, bdev: Bdev): number => {
  const { blockCount = 0, blockSize = 0 } = geometryOf(state, bdev) ?? {}
  const bytes = blockCount * blockSize
  return bytes + Math.ceil(bytes / 4000) + 4 * Math.max(64 * 1024, blockSize)
}

const memoryProblem = (bdev: Bdev, { isRunning, today }: DiskSource): string | undefined => {
  if (!isRunning) return "its memory went with the process that had it"
  const now = findBdev(today, bdev.name)
  return now?.incarnation === bdev.incarnation && now.phase._tag === "Active" ? undefined : "it is not there any more"
}

/** Where its content is: in it, or kept in it. */
const fileOf = ({ spec }: Bdev): string | undefined => {
  if (spec._tag === "Nvme") return spec.device
  return "filename" in spec ? spec.filename : undefined
}

const planOf = (bdev: Bdev, source: DiskSource, mapping: ForkMapping, data: ForkData): DiskPlan | undefined => {
  const { incarnation, name, spec } = bdev
  const common = { name, incarnation, bytes: sizeOf(bdev) }
  const wished = data === "empty" ? "as --data empty has it" : undefined
  const sourceFile = fileOf(bdev)
  if (sourceFile !== undefined) {
    const missing = source.isFile(sourceFile) ? undefined : `${sourceFile} is no regular file, or not there any more`
    const file = forkFile(mapping, sourceFile)
    const empty = wished ?? missing
    const plan = { ...common, kind: "file" as const, source: sourceFile, file, empty }
    // An overlay makes what it needs of an empty file.
    if (spec._tag === "Overlay")
      return { ...plan, bytes: empty === undefined ? overlayFileBytes(source.state, bdev) : 0 }
    return plan
  }
  if (spec._tag !== "Malloc") return undefined
  // Numbers, not names: those may have characters that no file system takes.
  const file = `${mapping.fileDirectory}/memory-${incarnation}`
  return { ...common, kind: "memory", file, empty: wished ?? memoryProblem(bdev, source) }
}

/** In creation order, without disks whose removal the fork's start finishes. */
export const planDisks = (source: DiskSource, mapping: ForkMapping, data: ForkData): ReadonlyArray<DiskPlan> =>
  bdevsOf(source.state)
    .filter(({ phase }) => phase._tag === "Active")
    .flatMap((bdev) => planOf(bdev, source, mapping, data) ?? [])
