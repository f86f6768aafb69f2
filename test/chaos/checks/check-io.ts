/** Every command's end and every block that was read, against what was written, flushed, unmapped and made to fail. */
import type { History, IoDone } from "../History.ts"
import { BlockModel, type Write } from "../model/BlockModel.ts"
import { type Content, contentOf, corrupted, zeros } from "../model/block-content.ts"
import type { BdevLife, Lives } from "../model/Lives.ts"
import { blockBytes } from "../names.ts"
import { checkOutcome, effectOf, ioText, type Met, metBy } from "./outcomes.ts"

/** Where data is kept: a RAM disk's incarnation, or a file. Undefined: nowhere. */
const mediumOf = (stack: ReadonlyArray<BdevLife>): string | undefined => {
  const bottom = stack.at(-1)
  if (bottom?.kind === "Malloc") return `memory ${bottom.name} ${bottom.incarnation}`
  return bottom?.filename
}

/** Media are pruned as they go; what is kept of a run is bounded by the disks that are there. */
export class Media {
  readonly #models = new Map<string, BlockModel>()

  /** What is known of a medium. */
  of(medium: string): BlockModel {
    const known = this.#models.get(medium)
    if (known !== undefined) return known
    const model = new BlockModel()
    this.#models.set(medium, model)
    return model
  }

  /** Nothing is under way. */
  settle(now: number): void {
    for (const model of this.#models.values()) model.settle(now)
  }

  /** The server was killed: memory is gone. Files lose what was not flushed, if their cache is the run's own. */
  afterKill(now: number, filesLose: boolean): void {
    for (const [medium, model] of this.#models) {
      if (medium.startsWith("memory ")) model.erase()
      else if (filesLose) model.losePower(now)
    }
  }

  /** The server was stopped: memory is gone, files are as they were. */
  afterStop(): void {
    for (const [medium, model] of this.#models) if (medium.startsWith("memory ")) model.erase()
  }
}

/** Bytes that an armed corruption may change in the first block of an IO. */
const corruptionsOf = ({ io, stacks }: Met, history: History): ReadonlyArray<readonly [number, number]> =>
  history.faults.flatMap((fault) =>
    fault.of === "bdev" &&
    fault.kind === "corrupt_data" &&
    fault.begin < io.end &&
    stacks.flat().some(({ name }) => name === fault.name)
      ? [[fault.offset, fault.value] as const]
      : []
  )

const contentsOf = (met: Met, at: number, history: History): ReadonlyArray<Content> => {
  const { io } = met
  if (io.kind === "unmap") return [zeros]
  const address = io.kind === "writeSame" ? io.block : io.block + at
  const content = contentOf(address, io.version)
  const flips = corruptionsOf(met, history).filter(([offset]) => Math.floor(offset / blockBytes) === at)
  return [content, ...flips.map(([offset, value]) => corrupted(content, offset % blockBytes, value))]
}

const changes: ReadonlyArray<IoDone["kind"]> = ["write", "writeSame", "unmap", "compareAndWrite"]

const mediaOf = ({ stacks }: Met): ReadonlyArray<string> => [
  ...new Set(stacks.flatMap((stack) => mediumOf(stack) ?? []))
]

const noteWrite = (met: Met, history: History, media: Media): void => {
  const { io, luns } = met
  const effect = effectOf(io.outcome, luns.length > 0)
  if (effect === "none" || !changes.includes(io.kind)) return
  const candidates = mediaOf(met)
  const isDone = effect === "done" && candidates.length === 1
  const end = effect === "late" ? Number.POSITIVE_INFINITY : io.end
  const write: Write = { begin: io.begin, end, isDone, isDurable: isDone && io.fua }
  for (const medium of candidates) {
    for (let at = 0; at < io.blocks; at++) {
      media.of(medium).write(io.block + at, contentsOf(met, at, history), write)
    }
  }
}

/** Where a sync has failed, what a later one confirms is less than all that was written. */
const syncMayFail = ({ stacks }: Met, history: History): boolean =>
  history.faults.some(
    (fault) =>
      fault.of === "file" &&
      (fault.kind === "sync" || fault.kind === "EIO") &&
      stacks.flat().some(({ filename }) => filename?.endsWith(`/${fault.name}`))
  )

const noteFlush = (met: Met, history: History, media: Media): void => {
  const [medium, ...others] = mediaOf(met)
  const isFlush = met.io.kind === "flush" && met.io.outcome === "GOOD"
  if (!isFlush || medium === undefined || others.length > 0 || syncMayFail(met, history)) return
  media.of(medium).flushed(met.io)
}

const withoutFlip = (content: Content): Content => content.split("^")[0] ?? content

const checkBlock = (met: Met, at: number, content: Content, history: History, media: Media): string | undefined => {
  const { io } = met
  const [medium, ...others] = mediaOf(met)
  if (others.length > 0) return undefined
  if (medium === undefined) return content === zeros ? undefined : `${ioText(io)}: a sink held ${content}`
  const possible = media.of(medium).possible(io.block + at, io)
  if (possible.includes(content)) return undefined
  const isFlipped = corruptionsOf(met, history).length > 0 && possible.some((one) => one === withoutFlip(content))
  if (isFlipped) return undefined
  return `${ioText(io)}: block ${io.block + at} of ${medium} was ${content}; it can be ${possible.join(" or ")}`
}

const checkFound = (met: Met, history: History, media: Media): ReadonlyArray<string> => {
  const { io } = met
  if (io.kind === "read" && io.outcome === "GOOD") {
    return io.found.flatMap((content, at) => checkBlock(met, at, content, history, media) ?? [])
  }
  if (io.kind === "compareAndWrite" && io.outcome === "GOOD" && io.expected !== undefined) {
    const wrong = checkBlock(met, 0, io.expected, history, media)
    return wrong === undefined ? [] : [wrong]
  }
  return []
}

/** Takes a round's commands in, and says what is wrong with them. */
export const checkIo = (history: History, lives: Lives, media: Media): ReadonlyArray<string> => {
  const all = history.ios.map((io) => metBy(io, lives))
  for (const met of all) noteWrite(met, history, media)
  for (const met of all) noteFlush(met, history, media)
  return all.flatMap((met) => [...checkOutcome(met, history, lives), ...checkFound(met, history, media)])
}

/** What was read while nothing was under way is what is there. */
export const noteFound = (history: History, lives: Lives, media: Media, now: number): void => {
  for (const met of history.ios.map((io) => metBy(io, lives))) {
    const [medium] = mediaOf(met)
    const { io } = met
    if (io.kind !== "read" || io.outcome !== "GOOD" || medium === undefined || !met.isCertain) continue
    for (const [at, content] of io.found.entries()) media.of(medium).found(io.block + at, content, now)
  }
}
