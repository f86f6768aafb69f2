/** What one bdev has of the memory that all disks have together, from its opening to its end. */

/** Where the memory is counted, in bytes: `MemoryAccount`. */
export interface MemorySource {
  readonly take: (bytes: number) => boolean
  readonly give: (bytes: number) => void
  readonly left: number
  readonly limit: number
}

/** For people: in whole MiB. */
export const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 1048576)} MiB`

/** Why a bdev cannot have so many bytes, in a sentence for the user. */
export const memoryShortage = (
  name: string,
  bytes: number,
  { left, limit }: Pick<MemorySource, "left" | "limit">
): string => {
  const needs = `bdev ${name} needs ${mebibytes(bytes)} of memory`
  const instead = "use a file instead, or start the target with a larger --mem-size"
  if (bytes > limit) return `${needs}, and all disks together may have ${mebibytes(limit)}: ask for less, ${instead}`
  const rest = `${mebibytes(left)} are left of the ${mebibytes(limit)} that disks may have`
  return `${needs}, and ${rest}: ask for less, delete a disk, ${instead}`
}

/** One per bdev. */
export class DiskMemory {
  readonly #source: MemorySource
  readonly #taken: Array<number> = []
  #isOver = false

  constructor(source: MemorySource) {
    this.#source = source
  }

  /** What disks may have together, in bytes. */
  get limit(): number {
    return this.#source.limit
  }

  /** What is left of it. */
  get left(): number {
    return this.#source.left
  }

  /** False: there is not that much left, or it was given back: who was still opening the bdev gets nothing more. */
  take(bytes: number): boolean {
    if (this.#isOver || !this.#source.take(bytes)) return false
    this.#taken.push(bytes)
    return true
  }

  /** The bdev is closed, or was never opened: all of it is free again. */
  giveBack(): void {
    this.#isOver = true
    for (const bytes of this.#taken.splice(0)) this.#source.give(bytes)
  }
}
