/** Every command's end and every block that was read, against what was written, flushed, unmapped and made to fail. */
import type { History, IoDone } from "../History.ts"
import { BlockModel, type Write } from "../model/BlockModel.ts"
import { type Content, contentOf, corrupted, zeros } from "../model/block-content.ts"
import type { BdevLife, Lives } from "../model/Lives.ts"
import { blockBytes } from "../names.ts"
import { checkOutcome, effectOf, ioText, type Met, metBy } from "./outcomes.ts"

/** What data is kept in: a RAM disk's incarnation, a RAM disk's file, or a file. Undefined: nowhere. */
const mediumOf = (stack: ReadonlyArray<BdevLife>): string | undefined => {
  const bottom = stack.at(-1)
  if (bottom?.kind === "Nbd") return `at the NBD server, ${bottom.name}`
  if (bottom?.kind !== "Malloc") return bottom?.filename
  if (bottom.filename !== undefined) return `kept in ${bottom.filename}`
  return `memory ${bottom.name} ${bottom.incarnation}`
}

/** Where in the medium the first block of a stack is. */
const offsetOf = (stack: ReadonlyArray<BdevLife>): number => stack.reduce((sum, { offset }) => sum + offset, 0)

/** A medium, and where in it a command's blocks begin. */
interface Place {
  readonly medium: string
  readonly block: number
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
      else if (medium.startsWith("at the ")) continue
      else if (filesLose || medium.startsWith("kept in ")) model.losePower(now)
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

/** Where it may have gone; undefined is nowhere. One, nearly always. */
const placesOf = ({ io, stacks }: Met): ReadonlyArray<Place | undefined> => {
  const places = new Map<string | undefined, Place | undefined>()
  for (const stack of stacks) {
    const medium = mediumOf(stack)
    const block = io.block + offsetOf(stack)
    const place = medium === undefined ? undefined : { medium, block }
    places.set(place && `${medium} ${block}`, place)
  }
  return [...places.values()]
}

const noteWrite = (met: Met, history: History, media: Media): void => {
  const { io, luns } = met
  const effect = effectOf(io.outcome, luns.length > 0)
  if (effect === "none" || !changes.includes(io.kind)) return
  const candidates = placesOf(met)
  const isDone = effect === "done" && candidates.length === 1
  const end = effect === "late" ? Number.POSITIVE_INFINITY : io.end
  const write: Write = { begin: io.begin, end, isDone, isDurable: isDone && io.fua }
  for (const place of candidates) {
    for (let at = 0; place !== undefined && at < io.blocks; at++) {
      media.of(place.medium).write(place.block + at, contentsOf(met, at, history), write)
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
  const [place, ...others] = placesOf(met)
  const isFlush = met.io.kind === "flush" && met.io.outcome === "GOOD"
  if (!isFlush || place === undefined || others.length > 0 || syncMayFail(met, history)) return
  media.of(place.medium).flushed(met.io)
}

const withoutFlip = (content: Content): Content => content.split("^")[0] ?? content

const checkBlock = (met: Met, at: number, content: Content, history: History, media: Media): string | undefined => {
  const { io } = met
  const [place, ...others] = placesOf(met)
  if (others.length > 0) return undefined
  if (place === undefined) return content === zeros ? undefined : `${ioText(io)}: a sink held ${content}`
  const possible = media.of(place.medium).possible(place.block + at, io)
  if (possible.includes(content)) return undefined
  const isFlipped =
    corruptionsOf(met, history).length > 0 && possible.some((one) => withoutFlip(one) === withoutFlip(content))
  if (isFlipped) return undefined
  const where = `block ${place.block + at} of ${place.medium}`
  return `${ioText(io)}: ${where} was ${content}; it can be ${possible.join(" or ")}`
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
    const [place] = placesOf(met)
    const { io } = met
    if (io.kind !== "read" || io.outcome !== "GOOD" || place === undefined || !met.isCertain) continue
    for (const [at, content] of io.found.entries()) media.of(place.medium).found(place.block + at, content, now)
  }
}
